#pragma once

#include <cstdint>
#include <vector>

#include "core/bytes.h"

namespace shared_ws {

// Encoded frames on their way to the kernel, in order, and how far each has come. Offsets count the bytes of
// this link's outbound stream (before TLS) since it began, so they never repeat.
//
//   taken          sealed                       end
//     |  in a TLS    |  may still be withdrawn,  |
//     |  record      |  if not begun             |
//
// Without TLS nothing lies between taken and sealed.
class Outbound {
 public:
  // Bytes not sealed yet, contiguous.
  const uint8_t* data() const { return bytes_.data() + head_; }
  size_t size() const { return bytes_.size() - head_; }
  bool empty() const { return size() == 0; }
  uint64_t taken_offset() const { return taken_; }
  uint64_t sealed_offset() const { return sealed_; }

  // Room to encode a frame of at most `count` bytes behind everything; null when there is no memory.
  uint8_t* Tail(size_t count);
  // Declares the `count` bytes at Tail() as a frame. `sequence` 0: no sequence (control frames, raw bytes).
  void Commit(size_t count, uint64_t sequence);
  // Declares a frame of which the kernel took `taken` of `count` bytes before it ever came here; the rest is
  // copied. False: no memory for the rest. A frame of which something was taken counts as begun all the same,
  // and nothing may follow it.
  bool CommitPartial(const uint8_t* frame, size_t count, size_t taken, uint64_t sequence);

  // Declares a frame that the kernel took whole, without ever coming here. Only while empty.
  void Pass(size_t count, uint64_t sequence);

  // Puts a whole frame in front of the data frames of which nothing has been sealed. False: no memory.
  bool InsertUrgent(const uint8_t* frame, size_t count, bool is_pong = false);

  // Removes a frame of which nothing has been sealed.
  bool Withdraw(uint64_t sequence);
  // Removes the last urgent frame if it is a pong of which nothing has been sealed.
  bool WithdrawNewestPong();

  // The next `count` bytes have gone into a TLS record, or, without TLS, to the kernel.
  void Seal(size_t count);
  // The kernel took everything up to `offset`, which is at most sealed_offset().
  void Take(uint64_t offset);

  // Highest sequences of which a byte was sealed, a byte was taken (up to `offset`), every byte was taken.
  uint64_t sealed_sequence() const { return sealed_sequence_; }
  uint64_t taken_sequence() const { return taken_sequence_; }
  // Frames with a sequence of which every byte was taken.
  uint64_t taken_frames() const { return taken_frames_; }
  // Highest sequence that begins before `offset`.
  uint64_t BegunSequence(uint64_t offset) const;

  // Frames waiting that carry no sequence: pongs, pings, CLOSE.
  size_t control_frames() const { return control_frames_; }
  void Free();

 private:
  struct Frame {
    uint64_t begin;
    uint64_t end;
    uint64_t sequence;
    bool is_pong = false;
  };

  void Append(uint64_t size, uint64_t sequence);
  void Remove(size_t index);
  void CompactIfWorthwhile();

  Bytes bytes_;  // [head_, size) is not sealed
  size_t head_ = 0;
  std::vector<Frame> frames_;  // not fully taken, in order; [first_, …)
  size_t first_ = 0;
  uint64_t taken_ = 0;
  uint64_t sealed_ = 0;
  uint64_t end_ = 0;
  uint64_t sealed_sequence_ = 0;
  uint64_t taken_sequence_ = 0;
  uint64_t taken_frames_ = 0;
  size_t control_frames_ = 0;
};

}  // namespace shared_ws
