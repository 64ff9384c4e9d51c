#include "frame_mutator.h"
#include "support.h"

// Any bytes at all, as a server's stream, against core::Connection. Input: one byte that chooses the limits,
// one that seeds the chopping, one for the extensions, then the stream.
namespace shared_ws::fuzz {
namespace {

constexpr size_t kSettings = 3;

Limits LimitsOf(uint8_t choice) {
  constexpr uint64_t kFrame[] = {16u << 20, 0, 100, 600, UINT64_MAX};
  constexpr uint64_t kMessage[] = {16u << 20, 0, 130, 1000, UINT64_MAX};
  return {.max_frame_bytes = kFrame[choice % std::size(kFrame)],
          .max_message_bytes = kMessage[choice / std::size(kFrame) % std::size(kMessage)]};
}

void Run(std::string_view stream, const Limits& limits, const Extensions& extensions, uint8_t chop_seed,
         std::string* log, Status* status) {
  MemoryMeter::Reset();
  {
    Connection connection(limits, extensions);
    Witness witness(limits);
    FeedChopped(connection, witness, stream, chop_seed);
    *log = witness.log();
    *status = connection.status();
    CHECK(MemoryMeter::peak() <= MemoryBound(limits, extensions, stream.size()),
          std::to_string(MemoryMeter::peak()) + " bytes");
    if (witness.over()) {
      CHECK_EQ(MemoryMeter::live(), 0u, "memory is held after the end");
      Feed(connection, witness, "\x82\x01x");  // Recorder fails when it hears of it
      CHECK(connection.status() == *status);
      CHECK(!connection.mid_message());
    }
  }
  CHECK_EQ(MemoryMeter::live(), 0u, "leaked");
}

}  // namespace
}  // namespace shared_ws::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace shared_ws;
  using namespace shared_ws::fuzz;
  if (size < kSettings) return -1;
  const Limits limits = LimitsOf(data[0]);
  const std::string_view stream(reinterpret_cast<const char*>(data) + kSettings, size - kSettings);
  std::string whole, chopped;
  Status whole_status, chopped_status;
  const Extensions extensions = ExtensionsOf(data[2]);
  Run(stream, limits, extensions, 0, &whole, &whole_status);
  Run(stream, limits, extensions, data[1], &chopped, &chopped_status);
  CHECK_EQ(chopped, whole, "the chunks decide");
  CHECK(chopped_status == whole_status);
  return 0;
}

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size, unsigned seed) {
  return shared_ws::fuzz::MutateFrames(data, size, max_size, seed, shared_ws::fuzz::kSettings);
}
