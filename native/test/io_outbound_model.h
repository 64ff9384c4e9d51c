#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>

namespace shared_ws::test {

// What Outbound promises, said the simplest way: a list of frames, and how many bytes have gone each step.
class OutboundModel {
 public:
  struct Frame {
    std::string bytes;
    uint64_t sequence;
    uint64_t begin = 0;
    bool is_pong = false;
  };

  std::deque<Frame> frames;  // not fully taken
  uint64_t taken = 0, sealed = 0;
  uint64_t sealed_sequence = 0, taken_sequence = 0, taken_frames = 0;

  uint64_t end() const { return frames.empty() ? taken : frames.back().begin + frames.back().bytes.size(); }

  void Append(std::string bytes, uint64_t sequence) {
    frames.push_back({std::move(bytes), sequence, end(), false});
  }

  void Insert(std::string bytes, bool is_pong = false) {
    frames.insert(EndOfUrgent(), {std::move(bytes), 0, 0, is_pong});
    Renumber();
  }

  bool WithdrawNewestPong() {
    const auto end = EndOfUrgent();
    if (end == frames.begin() || !(end - 1)->is_pong || (end - 1)->begin < sealed) return false;
    frames.erase(end - 1);
    Renumber();
    return true;
  }

  bool Withdraw(uint64_t sequence) {
    for (size_t i = 0; i < frames.size(); i++) {
      if (sequence == 0 || frames[i].sequence != sequence || frames[i].begin < sealed) continue;
      frames.erase(frames.begin() + static_cast<ptrdiff_t>(i));
      Renumber();
      return true;
    }
    return false;
  }

  void Seal(size_t count) {
    sealed += count;
    for (const Frame& frame : frames) {
      if (frame.begin < sealed && frame.sequence != 0) sealed_sequence = frame.sequence;
    }
  }

  void Take(uint64_t offset) {
    taken = offset;
    while (!frames.empty() && frames[0].begin + frames[0].bytes.size() <= offset) {
      if (frames[0].sequence != 0) {
        taken_sequence = frames[0].sequence;
        taken_frames++;
      }
      base_ = frames[0].begin + frames[0].bytes.size();
      frames.pop_front();
    }
  }

  std::string Unsealed() const {
    std::string all;
    for (const Frame& frame : frames) {
      if (frame.begin + frame.bytes.size() <= sealed) continue;
      all += frame.bytes.substr(sealed > frame.begin ? sealed - frame.begin : 0);
    }
    return all;
  }

  uint64_t Begun(uint64_t offset) const {
    uint64_t begun = taken_sequence;
    for (const Frame& frame : frames) {
      if (frame.begin < offset && frame.sequence != 0) begun = frame.sequence;
    }
    return begun;
  }

  size_t ControlFrames() const {
    return static_cast<size_t>(
        std::count_if(frames.begin(), frames.end(), [](const Frame& frame) { return frame.sequence == 0; }));
  }

 private:
  // Behind what has begun, and behind the control frames that wait at the front.
  std::deque<Frame>::iterator EndOfUrgent() {
    auto at = frames.begin();
    while (at != frames.end() && at->begin < sealed) ++at;
    while (at != frames.end() && at->sequence == 0) ++at;
    return at;
  }

  void Renumber() {
    uint64_t at = base_;
    for (Frame& frame : frames) {
      frame.begin = at;
      at += frame.bytes.size();
    }
  }

  uint64_t base_ = 0;  // where the first frame begins
};

}  // namespace shared_ws::test
