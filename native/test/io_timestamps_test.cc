// When a message is said to have come: when it was read, delivered, or as the kernel says. Nothing here is
// measured but what came before what.
#include <sys/socket.h>
#include <unistd.h>

#include <cstring>

#include "io/clock.h"
#include "io_peer.h"
#include "io_tls_peer.h"
#include "io_world.h"

namespace shared_ws::test {
namespace {

bool IsExact(const Event& event) {
  return (event.flags & kFlagExactTime) != 0;
}

// "x" for each message of the link whose time is exact, "-" for the others.
std::string Exact(const World& world, uint32_t id) {
  std::string all;
  for (const Event& event : world.Of(id)) {
    if (event.kind == RecordKind::kMessage) all += IsExact(event) ? 'x' : '-';
  }
  return all;
}

// A link, plain or over TLS, on whose socket each write of the server's is a segment of its own, and that
// reads when it is told to.
struct Wire {
  Wire(World* world, TimestampSource source, bool over_tls = false) : world(*world) {
    world->timestamps = source;
    if (over_tls) {
      tls = std::make_unique<TlsPair>(world);
      id = tls->id;
      // Sessions that the server gives out come first.
      tls->peer->Send(TextFrame("first"));
    } else {
      plain = std::make_unique<Pair>(world);
      id = plain->id;
      plain->peer->Send(TextFrame("first"));
    }
    CHECK(world->RunUntil([&] { return world->Messages(id).size() == 1; }));
    world->events.clear();
    world->operator[](id).Pause();
  }
  Peer& tcp() { return tls ? tls->peer->tcp() : *plain->peer; }
  // Returns when the bytes lie in the link's socket.
  void Send(std::string_view bytes) {
    if (tls) {
      tls->peer->Send(bytes);
    } else {
      plain->peer->Send(bytes);
    }
    CHECK(tcp().AwaitAcknowledged());
  }
  void Read(size_t messages) {
    const size_t want = world.messages + messages;
    world[id].Resume();
    CHECK(world.RunUntil([&] { return world.messages >= want; }));
    world[id].Pause();
  }
  std::vector<Event> Messages() const {
    std::vector<Event> result;
    for (const Event& event : world.Of(id)) {
      if (event.kind == RecordKind::kMessage) result.push_back(event);
    }
    return result;
  }

  World& world;
  std::unique_ptr<Pair> plain;
  std::unique_ptr<TlsPair> tls;
  uint32_t id = 0;
};

const bool kPlainAndTls[] = {false, true};

}  // namespace

TEST(timestamps_read_is_behind_the_arrival) {
  for (const bool tls : kPlainAndTls) {
    World world;
    Wire wire(&world, TimestampSource::kRead, tls);
    wire.Send(TextFrame("a"));
    const double arrived = MonotonicMicros();
    wire.Read(1);
    const Event a = wire.Messages().at(0);
    CHECK(a.received_mono_us >= arrived);
    CHECK(!IsExact(a), "it is not known when it came");
  }
}

TEST(timestamps_kernel_is_the_arrival) {
  for (const bool tls : kPlainAndTls) {
    World world;
    Wire wire(&world, TimestampSource::kKernel, tls);
    const double before = MonotonicMicros();
    wire.Send(TextFrame("a"));
    const double between = MonotonicMicros();
    wire.Read(1);
    wire.Send(TextFrame("b"));
    const double after = MonotonicMicros();
    wire.Read(1);
    const Event a = wire.Messages().at(0), b = wire.Messages().at(1);
    CHECK(a.received_mono_us >= before && a.received_mono_us <= between);
    CHECK(b.received_mono_us >= between && b.received_mono_us <= after);
    CHECK_EQ(Exact(world, wire.id), "xx");
  }
}

TEST(timestamps_callback_is_behind_the_read) {
  for (const TimestampSource source : {TimestampSource::kCallback, TimestampSource::kRead}) {
    World world;
    Wire wire(&world, source);
    // libuv runs last what was started first: between the poll phase and the loop's delivery.
    uv_check_t check;
    uv_check_init(world.uv(), &check);
    double read = 0;
    check.data = &read;
    uv_check_start(&check, [](uv_check_t* handle) {
      *static_cast<double*>(handle->data) = MonotonicMicros();
      usleep(2);
    });
    wire.Send(TextFrame("a") + PingFrame("p") + TextFrame("b"));
    double delivered = 0;
    world.on_delivery = [&] { delivered = read; };
    wire.Read(2);
    for (const Event& event : world.Of(wire.id)) {
      CHECK_EQ(event.received_mono_us > delivered, source == TimestampSource::kCallback);
      CHECK(!IsExact(event));
    }
    CHECK_EQ(world.Of(wire.id).size(), 3u);
    uv_close(reinterpret_cast<uv_handle_t*>(&check), nullptr);
    world.Settle(1);
  }
}

TEST(timestamps_callback_holds_for_what_waited_in_the_link) {
  World world;
  Wire wire(&world, TimestampSource::kCallback);
  std::string frames;
  constexpr size_t kFrames = 3 * LoopMemory::kMaxRecords / 2;
  for (size_t i = 0; i < kFrames; i++) frames += TextFrame("");
  wire.Send(frames);
  wire.Read(kFrames);
  const std::vector<Event> messages = wire.Messages();
  CHECK_EQ(messages.size(), kFrames);
  CHECK(messages.front().received_mono_us > 0);
  CHECK(messages.back().received_mono_us > messages.front().received_mono_us, "of another delivery");
}

TEST(timestamps_kernel_of_many_frames_in_one_read_only_the_last_is_exact) {
  for (const bool tls : kPlainAndTls) {
    World world;
    Wire wire(&world, TimestampSource::kKernel, tls);
    wire.Send(TextFrame("a") + TextFrame("b") + PingFrame("p") + TextFrame("c"));
    wire.Read(3);
    CHECK_EQ(Exact(world, wire.id), "--x");
    const std::vector<Event> one = wire.Messages();
    CHECK(one[0].received_mono_us == one[2].received_mono_us);
    // In segments of their own, but read together: the time is that of the last.
    wire.Send(TextFrame("d"));
    const double between = MonotonicMicros();
    wire.Send(TextFrame("e"));
    wire.Read(2);
    CHECK_EQ(Exact(world, wire.id), "--x-x");
    const std::vector<Event> two = wire.Messages();
    CHECK(two[3].received_mono_us >= between && two[3].received_mono_us == two[4].received_mono_us);
  }
}

TEST(timestamps_kernel_of_a_frame_in_parts_is_that_of_its_end) {
  for (const bool tls : kPlainAndTls) {
    World world;
    Wire wire(&world, TimestampSource::kKernel, tls);
    const std::string frames = TextFrame("a") + TextFrame("bcdef");
    wire.Send(frames.substr(0, 6));
    wire.Read(1);
    CHECK_EQ(Exact(world, wire.id), "-", "part of the next one came behind it");
    const double between = MonotonicMicros();
    wire.Send(frames.substr(6));
    wire.Read(1);
    CHECK_EQ(Exact(world, wire.id), "-x");
    CHECK(wire.Messages().at(1).received_mono_us >= between);
    // A control frame between the fragments of a message changes nothing.
    wire.Send(ServerFrame(0x01, "g") + PingFrame("p"));
    wire.Send(ServerFrame(0x80, "h"));
    wire.Read(1);
    CHECK_EQ(Exact(world, wire.id), "-xx");
    // One that comes last does.
    wire.Send(TextFrame("i") + PingFrame("p"));
    wire.Read(1);
    CHECK_EQ(Exact(world, wire.id), "-xx-");
  }
}

TEST(timestamps_kernel_of_control_frames) {
  World world;
  Wire wire(&world, TimestampSource::kKernel);
  wire.Send(PingFrame("p") + ServerFrame(0x8A, "q"));
  const double arrived = MonotonicMicros();
  wire.Send(TextFrame("a"));
  wire.Read(1);
  // One read: the time is that of its last segment.
  CHECK(world.First(wire.id, RecordKind::kPing).received_mono_us >= arrived);
  wire.Send(ServerFrame(0x8A, "r"));
  const double between = MonotonicMicros();
  world.events.clear();
  world[wire.id].Resume();
  UNTIL(world, world.Has(wire.id, RecordKind::kPong));
  CHECK(world.First(wire.id, RecordKind::kPong).received_mono_us <= between);
}

TEST(timestamps_kernel_of_a_drain) {
  for (const bool tls : kPlainAndTls) {
    World world;
    Wire wire(&world, TimestampSource::kKernel, tls);
    wire.Send(TextFrame("a"));
    const double between = MonotonicMicros();
    world[wire.id].Resume();
    CHECK_EQ(world.Drain(wire.id), 1);
    CHECK(wire.Messages().at(0).received_mono_us <= between);
    CHECK_EQ(Exact(world, wire.id), "x");
  }
}

TEST(timestamps_kernel_of_a_read_that_left_something) {
  World world;
  Listener listener;
  LinkOptions options;
  options.address = "127.0.0.1";
  options.port = listener.port();
  options.timestamps = TimestampSource::kKernel;
  options.socket.receive_buffer_bytes = 200 * 1024;
  const uint32_t id = world.Open(options);
  const std::unique_ptr<Peer> peer = listener.Accept(&world);
  UNTIL(world, world.Has(id, RecordKind::kConnected));
  CHECK(world[id].StartWebSocket({}, {}, nullptr, 0));
  world.Settle();
  world[id].Pause();
  // The first message ends with the read, but what the kernel says is of what it has joined.
  peer->Send(BinaryFrame(std::string(Loop::kMaxReadBytes - 10, 'a')) + TextFrame("b"));
  CHECK(peer->AwaitAcknowledged());
  world[id].Resume();
  UNTIL(world, world.Messages(id).size() == 2);
  CHECK_EQ(Exact(world, id), "-x");
}

TEST(timestamps_kernel_of_what_waited_in_the_link) {
  World world;
  Wire wire(&world, TimestampSource::kKernel);
  std::string frames;
  constexpr size_t kFrames = 3 * LoopMemory::kMaxRecords / 2;
  for (size_t i = 0; i < kFrames; i++) frames += TextFrame("");
  wire.Send(frames);
  const double between = MonotonicMicros();
  wire.Read(kFrames);
  const std::vector<Event> messages = wire.Messages();
  CHECK_EQ(messages.size(), kFrames);
  CHECK(messages.back().received_mono_us <= between, "it came when the others came");
  const std::string exact = Exact(world, wire.id);
  CHECK_EQ(exact.find('x'), kFrames - 1);
}

TEST(timestamps_kernel_over_tls_tells_whether_something_came_behind) {
  World world;
  Wire wire(&world, TimestampSource::kKernel, true);
  TlsPeer& peer = *wire.tls->peer;
  // A record that is no message of ours.
  peer.Send(TextFrame("a"));
  peer.UpdateKeys();
  CHECK(peer.tcp().AwaitAcknowledged());
  wire.Read(1);
  CHECK_EQ(Exact(world, wire.id), "-");
  // A frame in several records.
  peer.Send(TextFrame(std::string(100, 'b')), 30);
  CHECK(peer.tcp().AwaitAcknowledged());
  wire.Read(1);
  CHECK_EQ(Exact(world, wire.id), "-x");
}

TEST(timestamps_kernel_over_tls_with_part_of_a_record_behind) {
  World world;
  Wire wire(&world, TimestampSource::kKernel, true);
  // Two records, of which the second is cut: within its header, behind it, and within its body.
  for (const size_t cut : {1, 4, 5, 6, 20}) {
    const std::string first = wire.tls->peer->Seal(TextFrame("a"));
    const std::string second = wire.tls->peer->Seal(TextFrame("b"));
    world.events.clear();
    wire.tcp().Send(first + second.substr(0, cut));
    CHECK(wire.tcp().AwaitAcknowledged());
    wire.Read(1);
    CHECK_EQ(Exact(world, wire.id), "-", "cut at " + std::to_string(cut));
    wire.tcp().Send(second.substr(cut));
    CHECK(wire.tcp().AwaitAcknowledged());
    wire.Read(1);
    CHECK_EQ(Exact(world, wire.id), "-x", "cut at " + std::to_string(cut));
  }
}

TEST(timestamps_kernel_of_bytes_glued_to_the_response) {
  World world;
  Listener listener;
  world.timestamps = TimestampSource::kKernel;
  const uint32_t id = world.Open(listener.port());
  const std::unique_ptr<Peer> peer = listener.Accept(&world);
  UNTIL(world, world.Has(id, RecordKind::kConnected));
  peer->Send("101" + TextFrame("glued"));
  CHECK(peer->AwaitAcknowledged());
  const double between = MonotonicMicros();
  world[id].ReadMore();
  UNTIL(world, world.Has(id, RecordKind::kRaw));
  const std::string glued = world.First(id, RecordKind::kRaw).payload.substr(3);
  CHECK(world[id].StartWebSocket({}, {}, reinterpret_cast<const uint8_t*>(glued.data()), glued.size()));
  UNTIL(world, world.Has(id, RecordKind::kMessage));
  CHECK(world.First(id, RecordKind::kMessage).received_mono_us <= between);
}

TEST(timestamps_kernel_that_refuses_is_heard) {
  SocketOptions options;
  options.no_delay = false;
  options.stamp_segments = true;
  std::string refusal;
  const int closed = dup(0);
  close(closed);
  CHECK(!ApplySocketOptions(closed, options, &refusal));
  CHECK(refusal.find("timestampSource 'kernel' was refused by the kernel: bad file descriptor (EBADF)") == 0,
        refusal);
}

}  // namespace shared_ws::test
