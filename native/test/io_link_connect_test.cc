// A link before it is a WebSocket: connecting, the raw phase, ids.
#include <sys/resource.h>
#include <sys/socket.h>

#include <cerrno>
#include <set>

#include "core_support.h"
#include "io_peer.h"
#include "io_world.h"

namespace shared_ws::test {
namespace {

// TCP has no broadcast: Linux refuses it inside connect().
constexpr char kNoTcpAddress[] = "255.255.255.255";

void WriteRaw(Link& link, std::string_view text) {
  CHECK(link.WriteRaw(Raw(text), text.size()));
}

}  // namespace

TEST(link_connects_and_knows_both_addresses) {
  World world;
  Listener listener;
  const uint32_t id = world.Open(listener.port());
  CHECK_EQ(world.loop().link_count(), 1u);
  const auto peer = listener.Accept(&world);
  UNTIL(world, world.Has(id, RecordKind::kConnected));
  const LinkAddresses addresses = world[id].Addresses();
  CHECK_EQ(addresses.remote_address, "127.0.0.1");
  CHECK_EQ(addresses.local_address, "127.0.0.1");
  CHECK_EQ(addresses.remote_port, listener.port());
  CHECK(addresses.local_port != 0);
}

TEST(link_refused_is_told_by_a_record) {
  World world;
  const uint32_t id = world.Open(ClosedPort());
  UNTIL(world, world.Has(id, RecordKind::kEnd));
  const Event end = world.First(id, RecordKind::kEnd);
  CHECK_EQ(end.opcode, static_cast<uint8_t>(EndReason::kConnect));
  CHECK_EQ(end.aux, static_cast<uint32_t>(ECONNREFUSED));
  CHECK_EQ(world.events.size(), 1u);
  UNTIL(world, world.loop().link_count() == 0);
}

// connect() itself fails for an address that TCP cannot have. It is told like any other failure, and at once:
// in an idle process nothing else would wake the loop.
TEST(link_refused_on_the_spot_wakes_an_idle_loop) {
  World world;
  const uint32_t first = world.Open(9, kNoTcpAddress);
  CHECK(world.events.empty(), "never from inside the call");
  UNTIL(world, world.Has(first, RecordKind::kEnd));
  CHECK_EQ(world.First(first, RecordKind::kEnd).opcode, static_cast<uint8_t>(EndReason::kConnect));
  CHECK_EQ(world.First(first, RecordKind::kEnd).aux, static_cast<uint32_t>(ENETUNREACH));
  UNTIL(world, world.loop().link_count() == 0);

  uint32_t second = 0;
  world.after_check = [&] {
    if (second == 0) second = world.Open(9, kNoTcpAddress);
  };
  world.Settle(1);
  CHECK(second != 0);
  UNTIL(world, world.Has(second, RecordKind::kEnd));
}

// A client opens the next address when it hears that one has failed, inside the delivery.
TEST(link_may_be_opened_inside_a_delivery) {
  World world;
  uint32_t second = 0;
  world.on_delivery = [&] {
    if (second == 0) second = world.Open(9, kNoTcpAddress);
  };
  world.Open(ClosedPort());
  UNTIL(world, second != 0 && world.Has(second, RecordKind::kEnd));
}

// A client may give its batch back before Deliver() returns, and go on: Node runs promises there.
TEST(link_records_made_behind_an_early_release_are_kept) {
  World world;
  uint32_t second = 0;
  world.on_delivery = [&] {
    if (second != 0) return;
    world.loop().Release();
    second = world.Open(9, kNoTcpAddress);
  };
  world.Open(ClosedPort());
  UNTIL(world, second != 0 && world.Has(second, RecordKind::kEnd));
}

TEST(link_refuses_what_is_no_address) {
  World world;
  for (const char* address : {"", "localhost", "127.0.0.256", "127.0.0.1:80", "[::1]", "1.2.3"}) {
    LinkOptions options;
    options.address = address;
    int error = 0;
    std::string refusal;
    CHECK_EQ(world.loop().Open(options, &error, &refusal), 0u, address);
    CHECK_EQ(error, EINVAL, address);
  }
  CHECK_EQ(world.loop().link_count(), 0u);
}

TEST(link_raw_bytes_come_one_record_per_request) {
  World world;
  Listener listener;
  const uint32_t id = world.Open(listener.port());
  const auto peer = listener.Accept(&world);
  UNTIL(world, world.Has(id, RecordKind::kConnected));

  peer->Send("first");
  world.Settle();
  CHECK_EQ(world.Count(id, RecordKind::kRaw), 0u, "nobody asked");
  world[id].ReadMore();
  world[id].ReadMore();  // asking twice is asking once
  UNTIL(world, world.Has(id, RecordKind::kRaw));
  peer->Send("second");
  world.Settle();
  CHECK_EQ(world.Count(id, RecordKind::kRaw), 1u);
  world[id].ReadMore();
  UNTIL(world, world.Count(id, RecordKind::kRaw) == 2);
  CHECK_EQ(world.Of(id).back().payload, "second");

  WriteRaw(world[id], "GET / HTTP/1.1\r\n");
  WriteRaw(world[id], "\r\n");
  UNTIL(world, peer->received == "GET / HTTP/1.1\r\n\r\n");
  CHECK_EQ(world[id].OfferBytes(Opcode::kText, Raw("x"), 1, false), Link::kClosed,
           "no frames before the upgrade");
  CHECK_EQ(world[id].SendControl(Opcode::kPing, nullptr, 0), Link::kClosed);
}

TEST(link_decodes_glued_bytes_before_newer_ones) {
  World world;
  Listener listener;
  const std::string early = TextFrame("one") + TextFrame("two") + TextFrame("three");
  for (size_t cut = 0; cut <= early.size(); cut++) {
    const uint32_t id = world.Open(listener.port());
    const auto peer = listener.Accept(&world);
    UNTIL(world, world.Has(id, RecordKind::kConnected));
    peer->Send(early.substr(cut));
    CHECK(world[id].StartWebSocket({}, {}, Raw(early), cut));
    CHECK(!world[id].StartWebSocket({}, {}, nullptr, 0), "only once");
    peer->Send(TextFrame("four"));
    UNTIL(world, world.Messages(id).size() == 4);
    const std::vector<std::string> expected{"one", "two", "three", "four"};
    CHECK(world.Messages(id) == expected, "cut at " + std::to_string(cut));
    CHECK(!world[id].WriteRaw(Raw("x"), 1), "no raw bytes any more");
    world.Destroy(id);
  }
}

// More than the slab takes, with no byte in the socket that could wake anybody.
TEST(link_decodes_any_amount_of_glued_bytes) {
  World world;
  Listener listener;
  const uint32_t id = world.Open(listener.port());
  const auto peer = listener.Accept(&world);
  UNTIL(world, world.Has(id, RecordKind::kConnected));
  std::string glued;
  for (int i = 0; i < 2000; i++) glued += TextFrame(std::string(300, static_cast<char>('a' + i % 26)));
  CHECK(world[id].StartWebSocket({}, {}, Raw(glued), glued.size()));
  UNTIL(world, world.Count(id, RecordKind::kMessage) == 2000);
  for (size_t i = 0; i < 2000; i++) CHECK_EQ(world.Messages(id)[i][0], static_cast<char>('a' + i % 26));
}

TEST(link_end_of_the_raw_phase_is_told_when_asked) {
  World world;
  Listener listener;
  const uint32_t id = world.Open(listener.port());
  auto peer = listener.Accept(&world);
  UNTIL(world, world.Has(id, RecordKind::kConnected));
  peer->Send("bye");
  peer->Close();
  world[id].ReadMore();
  UNTIL(world, world.Has(id, RecordKind::kRaw));
  world.Settle();
  CHECK(!world.Has(id, RecordKind::kEnd), "nobody asked");
  world[id].ReadMore();
  UNTIL(world, world.Has(id, RecordKind::kEnd));
  CHECK_EQ(world.First(id, RecordKind::kEnd).opcode, static_cast<uint8_t>(EndReason::kEof));
}

TEST(ids_are_not_reused_and_stale_ones_find_nothing) {
  World world;
  Listener listener;
  std::set<uint32_t> seen;
  for (int round = 0; round < 50; round++) {
    const uint32_t id = world.Open(listener.port());
    const auto peer = listener.Accept(&world);
    CHECK(id >= kMaxLinks, "generation 0 is never used, so that 0 names nothing");
    CHECK(seen.insert(id).second, "an id came twice");
    CHECK_EQ(id % kMaxLinks, *seen.begin() % kMaxLinks, "the slot is used again");
    UNTIL(world, world.Has(id, RecordKind::kConnected));
    for (uint32_t old : seen) CHECK_EQ(world.loop().Find(old) != nullptr, old == id);
    CHECK_EQ(world.counters(id).bytes_sent, 0.0, "counters of the last owner");
    WriteRaw(world[id], "hello");
    CHECK_EQ(world.counters(id).bytes_sent, 5.0);
    world.Destroy(id);
    UNTIL(world, world.loop().link_count() == 0);
  }
  CHECK(world.loop().Find(0) == nullptr);
  CHECK(world.loop().Find(UINT32_MAX) == nullptr);
}

// Whichever comes first: slots, or descriptors of this process.
TEST(links_are_bounded_and_room_comes_back) {
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  const rlimit before = limit;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
  {
    World world;
    Listener listener(0, 64);  // most connections are never made; their links exist all the same
    LinkOptions options;
    options.address = "127.0.0.1";
    options.port = listener.port();
    std::vector<uint32_t> ids;
    int error = 0;
    std::string refusal;
    for (uint32_t id; (id = world.loop().Open(options, &error, &refusal)) != 0;) ids.push_back(id);
    CHECK_EQ(error, EMFILE);
    CHECK(ids.size() <= kMaxLinks);
    if (limit.rlim_max >= kMaxLinks + 256) CHECK_EQ(ids.size(), size_t{kMaxLinks});
    CHECK_EQ(world.loop().link_count(), ids.size());
    CHECK_EQ(world.loop().Open(options, &error, &refusal), 0u);

    world.Destroy(ids[7], true);
    UNTIL(world, world.loop().link_count() == ids.size() - 1);
    const uint32_t again = world.loop().Open(options, &error, &refusal);
    CHECK(again != 0 && again != ids[7]);
    CHECK_EQ(again % kMaxLinks, ids[7] % kMaxLinks);
    world.keep_events = false;
    for (uint32_t id : ids) {
      if (Link* link = world.loop().Find(id)) link->Destroy(true);
    }
    world[again].Destroy(true);
    UNTIL(world, world.loop().link_count() == 0);
  }
  setrlimit(RLIMIT_NOFILE, &before);
}

}  // namespace shared_ws::test
