#include "io/outbound.h"

#include <cassert>

namespace shared_ws {

uint8_t* Outbound::Tail(size_t count) {
  CompactIfWorthwhile();
  if (!bytes_.Reserve(bytes_.size() + count)) return nullptr;
  return bytes_.data() + bytes_.size();
}

void Outbound::Commit(size_t count, uint64_t sequence) {
  bytes_.Extend(count);
  Append(count, sequence);
}

void Outbound::Append(uint64_t size, uint64_t sequence) {
  frames_.push_back({end_, end_ + size, sequence});
  end_ += size;
  if (sequence == 0) control_frames_++;
}

void Outbound::Pass(size_t count, uint64_t sequence) {
  assert(size() == 0 && taken_ == end_);
  end_ += count;
  sealed_ = taken_ = end_;
  if (sequence == 0) return;
  sealed_sequence_ = taken_sequence_ = sequence;
  taken_frames_++;
}

bool Outbound::CommitPartial(const uint8_t* frame, size_t count, size_t taken, uint64_t sequence) {
  assert(size() == 0 && taken_ == end_);
  uint8_t* tail = Tail(count - taken);
  if (tail == nullptr && taken == 0) return false;
  Append(count, sequence);
  sealed_ += taken;
  if (taken > 0 && sequence != 0) sealed_sequence_ = sequence;
  taken_ = sealed_;
  if (tail == nullptr) return false;
  std::memcpy(tail, frame + taken, count - taken);
  bytes_.Extend(count - taken);
  return true;
}

bool Outbound::InsertUrgent(const uint8_t* frame, size_t count, bool is_pong) {
  if (Tail(count) == nullptr) return false;  // first: it may compact frames_, and so move every index
  // Behind the last frame of which a byte is sealed: a frame once begun must be finished first.
  size_t index = first_;
  while (index < frames_.size() && frames_[index].begin < sealed_) index++;
  // Behind control frames that wait already: pongs keep the order of their pings (RFC 6455 5.5.3).
  while (index < frames_.size() && frames_[index].sequence == 0) index++;
  const uint64_t at = index < frames_.size() ? frames_[index].begin : end_;
  uint8_t* place = bytes_.data() + head_ + static_cast<size_t>(at - sealed_);
  std::memmove(place + count, place, static_cast<size_t>(end_ - at));
  std::memcpy(place, frame, count);
  bytes_.Extend(count);
  for (size_t i = index; i < frames_.size(); i++) {
    frames_[i].begin += count;
    frames_[i].end += count;
  }
  frames_.insert(frames_.begin() + static_cast<ptrdiff_t>(index), {at, at + count, 0, is_pong});
  control_frames_++;
  end_ += count;
  return true;
}

bool Outbound::Withdraw(uint64_t sequence) {
  if (sequence == 0) return false;  // the mark of control frames, not a name
  for (size_t i = first_; i < frames_.size(); i++) {
    if (frames_[i].sequence != sequence) continue;
    if (frames_[i].begin < sealed_) return false;
    Remove(i);
    return true;
  }
  return false;
}

bool Outbound::WithdrawNewestPong() {
  // Urgent frames stand together, in front of the data frames of which nothing is sealed.
  size_t found = frames_.size();
  for (size_t i = first_; i < frames_.size(); i++) {
    if (frames_[i].begin < sealed_) continue;
    if (frames_[i].sequence != 0) break;
    found = i;
  }
  if (found == frames_.size() || !frames_[found].is_pong) return false;
  Remove(found);
  return true;
}

// Of a frame of which nothing is sealed.
void Outbound::Remove(size_t index) {
  const Frame frame = frames_[index];
  const uint64_t length = frame.end - frame.begin;
  bytes_.Erase(head_ + static_cast<size_t>(frame.begin - sealed_), static_cast<size_t>(length));
  frames_.erase(frames_.begin() + static_cast<ptrdiff_t>(index));
  for (size_t i = index; i < frames_.size(); i++) {
    frames_[i].begin -= length;
    frames_[i].end -= length;
  }
  end_ -= length;
  if (frame.sequence == 0) control_frames_--;
}

void Outbound::Seal(size_t count) {
  head_ += count;
  sealed_ += count;
  for (size_t i = first_; i < frames_.size() && frames_[i].begin < sealed_; i++) {
    if (frames_[i].sequence != 0) sealed_sequence_ = frames_[i].sequence;
  }
  if (size() == 0) {
    head_ = 0;
    bytes_.Free();
  }
}

void Outbound::Take(uint64_t offset) {
  taken_ = offset;
  while (first_ < frames_.size() && frames_[first_].end <= offset) {
    if (frames_[first_].sequence == 0) {
      control_frames_--;
    } else {
      taken_sequence_ = frames_[first_].sequence;
      taken_frames_++;
    }
    first_++;
  }
  if (first_ == frames_.size()) {
    frames_.clear();
    first_ = 0;
  }
}

uint64_t Outbound::BegunSequence(uint64_t offset) const {
  uint64_t begun = taken_sequence_;
  for (size_t i = first_; i < frames_.size() && frames_[i].begin < offset; i++) {
    if (frames_[i].sequence != 0) begun = frames_[i].sequence;
  }
  return begun;
}

void Outbound::Free() {
  bytes_.Free();
  frames_ = {};
  head_ = first_ = control_frames_ = 0;
}

// Sent bytes at the front are dropped once they outweigh what waits behind them: amortised O(1) per byte.
void Outbound::CompactIfWorthwhile() {
  if (head_ > 0 && head_ >= size()) {
    bytes_.Erase(0, head_);
    head_ = 0;
  }
  if (first_ > 0 && first_ * 2 >= frames_.size()) {
    frames_.erase(frames_.begin(), frames_.begin() + static_cast<ptrdiff_t>(first_));
    first_ = 0;
  }
}

}  // namespace shared_ws
