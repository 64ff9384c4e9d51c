#include "core/bytes.h"
#include "core_allocations.h"
#include "core_support.h"
#include "harness.h"

namespace shared_ws::test {
namespace {

// The most that may be asked for to keep `bytes` received: growth doubles, and the padding comes on top.
size_t RoomFor(size_t bytes) {
  return 2 * bytes + 256 + kPaddingBytes;
}

TEST(memory_an_announced_length_costs_nothing) {
  Connection connection{Limits{}};
  Recorder recorder;
  allocations = {};
  Feed(connection, recorder, Header(kFin | 2, 16 << 20));
  CHECK_EQ(allocations.calls, size_t{0});
  CHECK(connection.mid_message());
  for (int i = 0; i < 100; i++) Feed(connection, recorder, std::string(100, 'x'));
  CHECK(allocations.largest <= RoomFor(10'000), std::to_string(allocations.largest));
  CHECK_EQ(recorder.log, "");
}

TEST(memory_floods_of_empty_fragments_cost_nothing) {
  Connection connection{Limits{}};
  Recorder recorder;
  allocations = {};
  Feed(connection, recorder, Frame(1, ""));
  std::string flood;
  for (int i = 0; i < 10'000; i++) flood += Frame(0, "");
  for (int i = 0; i < 20; i++) Feed(connection, recorder, flood);
  CHECK_EQ(allocations.calls, size_t{0});
  Feed(connection, recorder, Frame(kFin, ""));
  CHECK_EQ(recorder.log, "ascii \n");
  CHECK_EQ(allocations.calls, size_t{0});
}

TEST(memory_tiny_fragments_cost_their_bytes) {
  Connection connection{Limits{}};
  Recorder recorder;
  allocations = {};
  std::string stream = Frame(2, "x");
  for (int i = 0; i < 5'000; i++) stream += Frame(0, "x");
  Feed(connection, recorder, stream);
  CHECK(allocations.largest <= RoomFor(5'001));
  CHECK(allocations.calls < 10, "doubling, not a call for each fragment");
}

TEST(memory_too_large_is_refused_before_its_bytes) {
  Connection connection{{.max_frame_bytes = 1000, .max_message_bytes = 1500}};
  Recorder recorder;
  allocations = {};
  Feed(connection, recorder, Frame(2, std::string(1000, 'x')) + Header(0, 501));
  CHECK_EQ(recorder.log, ViolationLine(Status::kMessageTooLarge));
  CHECK(allocations.largest <= RoomFor(1000));
}

TEST(memory_belongs_to_a_message_only) {
  // Whole frames take none; what an assembled message took goes to the sink, and the next one starts anew.
  Connection connection{Limits{}};
  Recorder recorder;
  allocations = {};
  for (int i = 0; i < 100; i++) Feed(connection, recorder, Text(std::string(1000, 'x')) + Ping("p"));
  CHECK_EQ(allocations.calls, size_t{0});
  Feed(connection, recorder, Frame(2, std::string(100'000, 'x')) + Frame(kFin, ""));
  allocations = {};
  Feed(connection, recorder, Frame(2, "a") + Frame(kFin, "b"));
  CHECK_EQ(allocations.calls, size_t{1});
  CHECK(allocations.largest <= RoomFor(1));
}

TEST(memory_of_a_partial_message_is_freed_when_the_stream_ends) {
  const size_t before = LiveBlocks();
  const std::string part = Frame(1, std::string(1000, 'x'));
  for (const std::string& end :
       {Close(1000), Frame(kFin | 3, ""), Frame(0, BytesOf({0xFF})), Text("nested")}) {
    Connection connection{Limits{}};
    Recorder recorder;
    Feed(connection, recorder, part);
    CHECK_EQ(LiveBlocks(), before + 1);
    Feed(connection, recorder, end);
    CHECK_EQ(LiveBlocks(), before, "while the connection still exists");
  }
}

TEST(memory_of_a_message_is_freed_when_it_has_been_taken) {
  const size_t before = LiveBlocks();
  Connection connection{Limits{}};
  Recorder recorder;
  Feed(connection, recorder, Frame(1, "a") + Frame(kFin, "b"));
  CHECK_EQ(recorder.log, "ascii ab\n");
  CHECK_EQ(LiveBlocks(), before);
}

TEST(memory_a_sink_that_leaves_a_message_leaks_nothing) {
  struct Careless : Recorder {
    void OnAssembled(Opcode, bool, Bytes&& payload) { seen = payload.size(); }
    size_t seen = 0;
  };
  const size_t before = LiveBlocks();
  const std::string stream = Frame(2, "abc") + Frame(kFin, "def");
  Connection connection{Limits{}};
  Careless sink;
  connection.Consume(Raw(stream), stream.size(), sink);
  CHECK_EQ(sink.seen, size_t{6});
  connection.Consume(Raw(stream), stream.size(), sink);
  CHECK_EQ(sink.seen, size_t{6}, "the next message starts empty");
  CHECK_EQ(LiveBlocks(), before);
}

TEST(bytes_grow_by_doubling_and_keep_their_content) {
  Bytes bytes;
  CHECK(bytes.data() == nullptr && bytes.empty() && bytes.capacity() == 0);
  std::string expected;
  allocations = {};
  for (int i = 0; i < 3000; i++) {
    const std::string piece(static_cast<size_t>(i % 7), static_cast<char>('a' + i % 26));
    REQUIRE(bytes.Append(Raw(piece), piece.size()));
    expected += piece;
  }
  CHECK_EQ(std::string(bytes.data(), bytes.data() + bytes.size()), expected);
  CHECK(allocations.calls < 10);

  bytes.Erase(10, 20);
  expected.erase(10, 20);
  CHECK_EQ(std::string(bytes.data(), bytes.data() + bytes.size()), expected);
  bytes.Erase(0, bytes.size());
  CHECK(bytes.empty() && bytes.capacity() > 0);
}

TEST(bytes_keep_everything_when_memory_is_out) {
  Bytes bytes;
  REQUIRE(bytes.Append(Raw("kept"), 4));
  allocations = {.refuse_above = 1000};
  CHECK(!bytes.Append(Raw(std::string(2000, 'x')), 2000));
  CHECK(!bytes.Reserve(5000));
  allocations = {};
  CHECK_EQ(std::string(bytes.data(), bytes.data() + bytes.size()), "kept");
}

TEST(bytes_move_release_and_free) {
  Bytes bytes;
  REQUIRE(bytes.Append(Raw("moved"), 5));
  Bytes moved = std::move(bytes);
  CHECK(bytes.data() == nullptr && bytes.size() == 0);  // NOLINT: a moved-from block is empty
  bytes = std::move(moved);
  CHECK_EQ(bytes.size(), size_t{5});
  uint8_t* block = bytes.Release();
  CHECK(bytes.data() == nullptr && bytes.capacity() == 0);
  CHECK_EQ(std::string(block, block + 5), "moved");
  std::free(block);

  REQUIRE(bytes.Reserve(100));
  std::memset(bytes.data(), 'e', 100 + kPaddingBytes);
  bytes.Extend(100);
  CHECK_EQ(bytes.size(), size_t{100});
  bytes.Clear();
  CHECK(bytes.empty() && bytes.data() != nullptr);
  bytes.Free();
  CHECK(bytes.data() == nullptr);
}

}  // namespace
}  // namespace shared_ws::test
