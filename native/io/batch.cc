#include "io/batch.h"

#include <new>

namespace shared_ws {

LoopMemory* LoopMemory::Create() {
  // calloc: rows of links that never exist cost address space only.
  auto* slab = static_cast<uint8_t*>(std::calloc(1, kSlabBytes + kPaddingBytes));
  auto* scratch = static_cast<uint8_t*>(std::calloc(1, kScratchBytes));
  auto* control = static_cast<uint8_t*>(std::calloc(1, kControlBytes));
  LoopMemory* memory =
      slab == nullptr || scratch == nullptr || control == nullptr ? nullptr : Over(slab, scratch, control);
  if (memory != nullptr) {
    memory->owns_blocks_ = true;
    return memory;
  }
  std::free(slab);
  std::free(scratch);
  std::free(control);
  return nullptr;
}

LoopMemory* LoopMemory::Over(uint8_t* slab, uint8_t* scratch, uint8_t* control) {
  auto* memory = new (std::nothrow) LoopMemory;
  if (memory == nullptr) return nullptr;
  memory->slab = slab;
  memory->scratch = scratch;
  memory->control = control;
  memory->records = reinterpret_cast<Record*>(memory->control);
  memory->counters = reinterpret_cast<LinkCounters*>(memory->control + kCountersOffset);
  memory->epoch_offset = reinterpret_cast<double*>(memory->control + kEpochOffsetOffset);
  return memory;
}

void LoopMemory::Unreference() {
  if (--references_ > 0) return;
  if (owns_blocks_) {
    std::free(slab);
    std::free(scratch);
    std::free(control);
  }
  delete this;
}

void Batch::AddCopy(RecordKind kind, uint32_t link, double now_us, uint8_t opcode, const void* payload,
                    size_t length, uint32_t aux) {
  const auto* bytes = static_cast<const uint8_t*>(payload);
  if (length > 0 && bytes >= memory_->slab && bytes < memory_->slab + LoopMemory::kSlabBytes) {
    Add(kind, link, now_us, opcode, 0, bytes, length, aux);
    return;
  }
  if (length == 0 || length > SlabRoom()) {
    Add(kind, link, now_us, opcode, 0, nullptr, 0, aux);
    return;
  }
  uint8_t* copy = SlabEnd();
  std::memcpy(copy, payload, length);
  CommitSlab(length);
  Add(kind, link, now_us, opcode, 0, copy, length, aux);
}

void Batch::AddAssembled(uint32_t link, double now_us, Opcode opcode, bool ascii, Bytes&& payload) {
  const uint16_t flags = ascii ? kFlagAscii : 0;
  // The slab must keep room for the read that is going on: see Link::ReadTurn, which commits what it read
  // first.
  if (payload.size() <= SlabRoom()) {
    uint8_t* copy = SlabEnd();
    if (payload.size() > 0) std::memcpy(copy, payload.data(), payload.size());
    CommitSlab(payload.size());
    AddMessage(link, now_us, opcode, flags, copy, payload.size());
    return;
  }
  const auto slot = static_cast<uint32_t>(blocks_.size());
  const size_t length = payload.size();
  block_bytes_ += length;
  blocks_.push_back(std::move(payload));
  AddMessage(link, now_us, opcode, flags | kFlagBlock, nullptr, length);
  memory_->records[count_ - 1].slot = slot;
}

}  // namespace shared_ws
