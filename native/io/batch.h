#pragma once

#include <cstdint>
#include <vector>

#include "core/bytes.h"
#include "core/frame.h"
#include "core/message_inflater.h"
#include "io/record.h"

namespace shared_ws {

// The memory of one loop that JavaScript may see too. Blocks are lent by an owner that outlives the loop
// (V8), or, from Create(), its own and freed by whoever lets go last.
struct LoopMemory {
  static constexpr size_t kSlabBytes = 256 * 1024;
  static constexpr uint32_t kMaxRecords = 4096;
  static constexpr size_t kScratchBytes = 64 * 1024;
  static constexpr size_t kCountersOffset = kMaxRecords * sizeof(Record);
  static constexpr size_t kEpochOffsetOffset = kCountersOffset + kMaxLinks * sizeof(LinkCounters);
  static constexpr size_t kControlBytes = kEpochOffsetOffset + sizeof(double);

  uint8_t* slab = nullptr;
  uint8_t* scratch = nullptr;
  uint8_t* control = nullptr;  // records, then counters, then the epoch offset
  Record* records = nullptr;
  LinkCounters* counters = nullptr;
  double* epoch_offset = nullptr;  // CLOCK_REALTIME - CLOCK_MONOTONIC in µs, as of the current delivery

  // Null when there is no memory for it. Starts with one reference.
  static LoopMemory* Create();
  // Over lent blocks of zeros: `kSlabBytes + kPaddingBytes`, `kScratchBytes` and `kControlBytes`, the last
  // aligned for a Record.
  static LoopMemory* Over(uint8_t* slab, uint8_t* scratch, uint8_t* control);
  void AddReference() { references_++; }
  void Unreference();

 private:
  uint32_t references_ = 1;  // one thread: the loop's
  bool owns_blocks_ = false;
};

// The records and payloads of one delivery. Links append; the loop delivers; Release() makes room for the
// next.
class Batch {
 public:
  // A link does not start a read with less room than this.
  static constexpr size_t kMinReadBytes = 16 * 1024;

  static constexpr uint32_t kReservedRecords = 8;

  // Inflated bytes take room that the bytes read do not show: nothing is inflated with less than this, and at
  // most so much by one call.
  static constexpr size_t kMinInflateBytes = 16 * 1024;
  static constexpr size_t kMaxInflateBytes = 64 * 1024;

  explicit Batch(LoopMemory* memory) : memory_(memory) {}

  // A few records stay in reserve for what must not wait: a violation behind the last message, or the topic
  // in front of it.
  bool HasRecordRoom() const { return count_ + kReservedRecords <= LoopMemory::kMaxRecords; }
  bool HasReadRoom() const { return HasRecordRoom() && SlabRoom() >= kMinReadBytes; }
  // The same for a link whose messages have to be inflated: a quarter of the room is for what it reads.
  bool HasInflateRoom() const { return HasReadRoom() && InflateRoomBytes() * 3 / 4 >= kMinInflateBytes; }
  InflateRoom RoomToInflate() {
    const size_t room = InflateRoomBytes();
    if (room < kMinInflateBytes) return {};
    return {SlabEnd(), room < kMaxInflateBytes ? room : kMaxInflateBytes};
  }
  size_t SlabRoom() const { return LoopMemory::kSlabBytes - used_; }
  uint8_t* SlabEnd() { return memory_->slab + used_; }
  // Declares `count` bytes at SlabEnd() as belonging to records of this batch.
  void CommitSlab(size_t count) { used_ += count; }
  // Takes the newest `count` bytes of the slab back; no record may refer to them.
  void UncommitSlab(size_t count) { used_ -= count; }
  uint32_t count() const { return count_; }

  // Appends a record whose payload lies in the slab already, or is empty. The caller has checked
  // HasRecordRoom().
  void Add(RecordKind kind, uint32_t link, double now_us, uint8_t opcode = 0, uint16_t flags = 0,
           const uint8_t* payload = nullptr, size_t length = 0, uint32_t aux = 0) {
    Record& record = memory_->records[count_++];
    record.kind = kind;
    record.opcode = opcode;
    record.flags = flags;
    record.link = link;
    record.offset = payload == nullptr ? 0 : static_cast<uint32_t>(payload - memory_->slab);
    record.length = static_cast<uint32_t>(length);
    record.received_mono_us = now_us;
    record.slot = 0;
    record.aux = aux;
  }

  // Appends a message whose payload lies in the slab already. The first record of a run of messages of one
  // link says in `aux` how long the run is, so that JavaScript need not look for its end.
  void AddMessage(uint32_t link, double now_us, Opcode opcode, uint16_t flags, const uint8_t* payload,
                  size_t length) {
    const bool continues = run_end_ == count_ && run_link_ == link;
    if (!continues) {
      run_first_ = count_;
      run_link_ = link;
    }
    Add(RecordKind::kMessage, link, now_us, static_cast<uint8_t>(opcode), flags, payload, length, 0);
    memory_->records[run_first_].aux++;
    run_end_ = count_;
    messages_++;
  }
  // Says of which topic the message is that comes next, and so splits the run.
  void AddTopic(uint32_t link, double now_us, uint32_t topic) {
    Add(RecordKind::kTopic, link, now_us);
    memory_->records[count_ - 1].slot = topic;
  }
  // Messages appended since the loop began.
  uint64_t messages() const { return messages_; }

  // As Add, with a payload that may lie elsewhere: it is copied to the slab then. Readers leave room for
  // that; without room the payload is dropped.
  void AddCopy(RecordKind kind, uint32_t link, double now_us, uint8_t opcode, const void* payload,
               size_t length, uint32_t aux);

  // Appends a message that was assembled outside the slab: copied into it when it fits, else handed over as a
  // block.
  void AddAssembled(uint32_t link, double now_us, Opcode opcode, bool ascii, Bytes&& payload);

  // The newest record, if it is a message, has the receive time of its very last byte.
  void MarkNewestExact() {
    Record& record = memory_->records[count_ - 1];
    if (record.kind == RecordKind::kMessage) record.flags |= kFlagExactTime;
  }

  // Messages too large for the slab, by Record::slot. The binding wraps them before a delivery.
  std::vector<Bytes>& blocks() { return blocks_; }

  void Release() {
    count_ = 0;
    used_ = 0;
    run_link_ = 0;
    block_bytes_ = 0;
    if (!blocks_.empty()) blocks_.clear();
  }

 private:
  // What a few bytes on the wire inflate to may not pile up in blocks, which leave the slab as it is.
  size_t InflateRoomBytes() const { return block_bytes_ < LoopMemory::kSlabBytes ? SlabRoom() : 0; }

  LoopMemory* memory_;
  uint32_t count_ = 0;
  uint32_t run_first_ = 0;
  uint32_t run_end_ = 0;
  uint32_t run_link_ = 0;  // no link has id 0
  uint64_t messages_ = 0;
  size_t used_ = 0;
  size_t block_bytes_ = 0;
  std::vector<Bytes> blocks_;
};

}  // namespace shared_ws
