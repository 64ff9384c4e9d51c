#include "io/outbound.h"
#include "support.h"
#include "test/io_outbound_model.h"

// Frames on their way to the kernel: any order of committing, passing, inserting pongs, withdrawing, sealing
// and taking, against the model. What was sealed is compared byte for byte.
namespace shared_ws::fuzz {
namespace {

class Run {
 public:
  explicit Run(Input& input) : input_(input) {}

  void Step() {
    enum Operation {
      kCommit,
      kControl,
      kPassOrPart,
      kUrgent,
      kWithdraw,
      kWithdrawPong,
      kSeal,
      kTake,
      kLast = kTake
    };
    switch (static_cast<Operation>(input_.Below(kLast + 1))) {
      case kCommit:
        return Commit(next_sequence_++);
      case kControl:
        return Commit(0);
      case kPassOrPart:
        // The loop sends past the queue only when nothing waits in it.
        if (out_.empty() && model_.taken == model_.sealed) PassOrPart();
        return;
      case kUrgent:
        return Urgent();
      case kWithdraw:
        return Withdraw();
      case kWithdrawPong:
        return WithdrawPong();
      case kSeal:
        return Seal();
      case kTake:
        return Take();
    }
  }

  void Compare() const {
    const std::string waiting = model_.Unsealed();
    CHECK_EQ(out_.size(), waiting.size());
    CHECK(waiting.empty() || std::memcmp(out_.data(), waiting.data(), waiting.size()) == 0,
          "other bytes wait");
    CHECK_EQ(out_.taken_offset(), model_.taken);
    CHECK_EQ(out_.sealed_offset(), model_.sealed);
    CHECK_EQ(out_.sealed_sequence(), model_.sealed_sequence);
    CHECK_EQ(out_.taken_sequence(), model_.taken_sequence);
    CHECK_EQ(out_.control_frames(), model_.ControlFrames());
    for (const uint64_t offset : {model_.taken, (model_.taken + model_.sealed) / 2, model_.sealed}) {
      CHECK_EQ(out_.BegunSequence(offset), model_.Begun(offset));
    }
  }

 private:
  std::string Bytes() {
    const size_t size = 1 + input_.Byte();
    return std::string(size, static_cast<char>(fill_++));
  }

  void Commit(uint64_t sequence) {
    const std::string bytes = Bytes();
    uint8_t* tail = out_.Tail(bytes.size() + input_.Byte());
    CHECK(tail != nullptr);
    std::memcpy(tail, bytes.data(), bytes.size());
    out_.Commit(bytes.size(), sequence);
    model_.Append(bytes, sequence);
  }

  void PassOrPart() {
    const std::string bytes = Bytes();
    const size_t taken = input_.Below(bytes.size() + 1);
    const uint64_t sequence = input_.Bool() ? next_sequence_++ : 0;
    const uint64_t start = model_.taken;
    if (taken == bytes.size()) {
      out_.Pass(bytes.size(), sequence);
    } else {
      CHECK(out_.CommitPartial(test::Raw(bytes), bytes.size(), taken, sequence));
    }
    model_.Append(bytes, sequence);
    model_.Seal(taken);
    model_.Take(start + taken);
  }

  void Urgent() {
    const std::string bytes = Bytes();
    const bool is_pong = input_.Bool();
    CHECK(out_.InsertUrgent(test::Raw(bytes), bytes.size(), is_pong));
    model_.Insert(bytes, is_pong);
  }

  void Withdraw() {
    const uint64_t sequence = input_.Below(next_sequence_ + 2);
    CHECK_EQ(out_.Withdraw(sequence), model_.Withdraw(sequence), "sequence " + std::to_string(sequence));
  }

  void WithdrawPong() { CHECK_EQ(out_.WithdrawNewestPong(), model_.WithdrawNewestPong()); }

  void Seal() {
    const size_t count = input_.Below(out_.size() + 1);
    out_.Seal(count);
    model_.Seal(count);
  }

  void Take() {
    const uint64_t offset =
        model_.taken + input_.Below(static_cast<size_t>(model_.sealed - model_.taken) + 1);
    out_.Take(offset);
    model_.Take(offset);
  }

  Input& input_;
  Outbound out_;
  test::OutboundModel model_;
  uint64_t next_sequence_ = 1;
  uint8_t fill_ = 'a';
};

}  // namespace
}  // namespace shared_ws::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  shared_ws::fuzz::Input input(data, size);
  shared_ws::fuzz::Run run(input);
  while (!input.empty()) {
    run.Step();
    run.Compare();
  }
  return 0;
}
