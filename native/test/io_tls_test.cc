// A link over TLS: what it carries. Handshakes that fail are in io_tls_handshake_test.cc.
#include <openssl/err.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>

#include "core_support.h"
#include "io_tls_peer.h"
#include "io_world.h"

namespace shared_ws::test {
namespace {

const int kVersions[] = {TLS1_2_VERSION, TLS1_3_VERSION};

std::string Numbered(int count, size_t padding) {
  std::string stream;
  for (int i = 0; i < count; i++) stream += TextFrame(std::to_string(i) + std::string(padding, '.'));
  return stream;
}

void CheckNumbered(const World& world, uint32_t id, int count, size_t padding) {
  const std::vector<std::string> messages = world.Messages(id);
  if (!CHECK_EQ(messages.size(), static_cast<size_t>(count))) return;
  for (int i = 0; i < count; i++) {
    CHECK(messages[static_cast<size_t>(i)] == std::to_string(i) + std::string(padding, '.'),
          std::to_string(i));
  }
}

}  // namespace

TEST(tls_carries_messages_both_ways) {
  for (int version : kVersions) {
    World world;
    TlsPair pair(&world, version);
    const TlsStream& tls = *pair.link().tls();
    CHECK_EQ(std::string(tls.protocol()), version == TLS1_3_VERSION ? "TLSv1.3" : "TLSv1.2");
    CHECK(std::string(tls.cipher()).size() > 5);
    CHECK_EQ(tls.alpn(), "");
    CHECK(!tls.verify_failed() && !tls.session_reused());
    pair.peer->Send(TextFrame("down") + PingFrame("beat"));
    CHECK_EQ(pair.Offer("up"), 1);
    UNTIL(world, world.Messages(pair.id).size() == 1 && world.Has(pair.id, RecordKind::kPing));
    const std::vector<ClientFrame> frames = pair.peer->AwaitFrames(2);
    CHECK_EQ(frames[0].payload, "up");
    CHECK_EQ(frames[1].opcode, 0xA);
    CHECK_EQ(pair.counters().taken, 1.0);
    CHECK_EQ(pair.counters().sealed, 1.0);
    CHECK(pair.counters().bytes_sent > pair.counters().messages_received, "counts what is on the wire");
  }
}

TEST(tls_raw_phase_asks_for_bytes_too) {
  World world;
  Listener listener;
  const Context server = ServerContext(TestServer()), client = TrustingClient();
  const uint32_t id = world.Open(listener.port());
  TlsPeer peer(&world, listener.AcceptSocket(), server.get());
  UNTIL(world, world.Has(id, RecordKind::kConnected));
  std::string error;
  CHECK(world[id].StartTls(client.get(), {"localhost", "localhost"}, &error));
  CHECK(!world[id].StartTls(client.get(), {"localhost", "localhost"}, &error));
  CHECK_EQ(error, "TLS can start on a connected link: once, and once more through a proxy");
  CHECK(!world[id].WriteRaw(Raw("early"), 5), "not before the handshake is done");
  UNTIL(world, peer.secure() && world.Has(id, RecordKind::kSecure));
  peer.Send("response");
  world.Settle();
  CHECK(!world.Has(id, RecordKind::kRaw), "nobody asked");
  world[id].ReadMore();
  UNTIL(world, world.Has(id, RecordKind::kRaw));
  CHECK_EQ(world.First(id, RecordKind::kRaw).payload, "response");
  CHECK(world[id].WriteRaw(Raw("request"), 7));
  UNTIL(world, peer.received == "request");
  // Frames right behind the response, in the same record and in later ones.
  world[id].ReadMore();
  peer.Send("101" + TextFrame("glued"));
  UNTIL(world, world.Count(id, RecordKind::kRaw) == 2);
  peer.Send(TextFrame("next"));
  world.Settle();
  const std::string glued = world.Of(id).back().payload.substr(3);
  CHECK(world[id].StartWebSocket({}, {}, Raw(glued), glued.size()));
  UNTIL(world, world.Messages(id).size() == 2);
  CHECK_EQ(world.Messages(id)[0] + world.Messages(id)[1], "gluednext");
}

TEST(tls_records_and_frames_need_not_coincide) {
  for (const size_t record : {1, 7, 113, 1000, 16384}) {
    World world;
    TlsPair pair(&world);
    const int count = record == 1 ? 40 : 400;
    pair.peer->Send(Numbered(count, 50), record);
    UNTIL(world, world.Messages(pair.id).size() == static_cast<size_t>(count));
    CheckNumbered(world, pair.id, count, 50);
  }
  World world;
  TlsPair pair(&world);
  for (int i = 0; i < 400; i++) pair.peer->Send(TextFrame(std::to_string(i) + "."));  // a record each
  UNTIL(world, world.Messages(pair.id).size() == 400);
  CheckNumbered(world, pair.id, 400, 1);
}

TEST(tls_large_messages_span_many_records) {
  for (int version : kVersions) {
    World world;
    TlsPair pair(&world, version);
    const std::string large(3'000'000, 'L');
    pair.peer->Send(TextFrame(large) + TextFrame("after"));
    UNTIL(world, world.Messages(pair.id).size() == 2);
    CHECK(world.Messages(pair.id)[0] == large);
    CHECK_EQ(pair.Offer(large), 1);
    UNTIL(world, pair.counters().queued_bytes == 0);
    CHECK_EQ(pair.Offer("after"), 2);
    const std::vector<ClientFrame> frames = pair.peer->AwaitFrames(2);
    CHECK(frames[0].payload == large);
    CHECK_EQ(frames[1].payload, "after");
    CHECK_EQ(pair.counters().taken, 2.0);
  }
}

// More than the slab takes in a turn, on several links at once: ciphertext is kept and goes on by itself.
TEST(tls_keeps_ciphertext_that_the_slab_has_no_room_for) {
  World world;
  std::vector<std::unique_ptr<TlsPair>> pairs;
  for (int i = 0; i < 4; i++) pairs.push_back(std::make_unique<TlsPair>(&world));
  for (const auto& pair : pairs) pair->peer->Send(Numbered(2000, 700) + Numbered(9000, 0));
  for (const auto& pair : pairs) {
    UNTIL(world, world.Messages(pair->id).size() == 11'000);
    const std::vector<std::string> messages = world.Messages(pair->id);
    for (size_t i = 0; i < 11'000; i++) {
      const std::string expected =
          i < 2000 ? std::to_string(i) + std::string(700, '.') : std::to_string(i - 2000);
      CHECK(messages[i] == expected, std::to_string(i));
    }
  }
}

// The slab fills up in the middle of the last record: its rest is inside OpenSSL, where no event announces
// it.
TEST(tls_finishes_the_record_that_the_slab_cut) {
  World world;
  std::vector<std::unique_ptr<TlsPair>> pairs;
  for (int i = 0; i < 5; i++) pairs.push_back(std::make_unique<TlsPair>(&world));
  for (const auto& pair : pairs) pair->link().Pause();
  const std::string filling(52'000, 'f'), last(60'000, 'l');
  for (size_t i = 0; i < 5; i++) {
    pairs[i]->peer->Send(BinaryFrame(i < 4 ? filling : last));
    CHECK(pairs[i]->peer->tcp().AwaitAcknowledged());
  }
  for (const auto& pair : pairs) pair->link().Resume();
  for (const auto& pair : pairs) UNTIL(world, world.Messages(pair->id).size() == 1);
  CHECK(world.First(pairs[4]->id, RecordKind::kMessage).payload == last);
}

TEST(tls_pause_holds_back_everything_and_resume_goes_on) {
  World world;
  TlsPair pair(&world);
  world.on_delivery = [&] {
    if (Link* link = world.loop().Find(pair.id)) link->Pause();
  };
  pair.peer->Send(Numbered(20'000, 0));
  pair.peer->SendCloseNotify();
  size_t before = 0;
  while (!world.Has(pair.id, RecordKind::kEnd)) {
    UNTIL(world, world.Messages(pair.id).size() > before || world.Has(pair.id, RecordKind::kEnd));
    before = world.Messages(pair.id).size();
    if (world.loop().Find(pair.id) == nullptr) break;
    world.Settle(5);
    CHECK_EQ(world.Messages(pair.id).size(), before);
    pair.link().Resume();
  }
  CheckNumbered(world, pair.id, 20'000, 0);
}

// TLS 1.3 speaks after the handshake, too: tickets and new keys, at any place in the stream.
TEST(tls_key_updates_and_tickets_are_harmless) {
  World world;
  TlsPair pair(&world, TLS1_3_VERSION);
  for (int i = 0; i < 30; i++) {
    pair.peer->UpdateKeys();
    pair.peer->Send(TextFrame(std::to_string(i)));
    SSL_new_session_ticket(pair.peer->ssl());
    pair.peer->Send(PingFrame(""));
    CHECK(pair.Offer("up " + std::to_string(i)) > 0);
  }
  UNTIL(world, world.Messages(pair.id).size() == 30);
  CheckNumbered(world, pair.id, 30, 0);
  size_t ups = 0, pongs = 0;
  UNTIL(world, [&] {
    for (const ClientFrame& frame : pair.peer->TakeFrames()) {
      if (frame.opcode == 0xA) pongs++;
      if (frame.opcode == 1) CHECK_EQ(frame.payload, "up " + std::to_string(ups++));
    }
    return ups == 30 && pongs == 30;
  }());
}

TEST(tls_ends_of_every_kind) {
  World world;
  {
    TlsPair pair(&world);
    pair.peer->Send(TextFrame("last"));
    pair.peer->SendCloseNotify();
    UNTIL(world, world.Has(pair.id, RecordKind::kEnd));
    CHECK_EQ(world.Messages(pair.id).size(), 1u);
    CHECK_EQ(world.First(pair.id, RecordKind::kEnd).opcode, static_cast<uint8_t>(EndReason::kEof));
  }
  {
    TlsPair pair(&world);
    pair.peer->Send(TextFrame("last"));
    pair.peer->tcp().HalfClose();  // a bare FIN: WebSocket has its own CLOSE, which tells a truncation
    UNTIL(world, world.Has(pair.id, RecordKind::kEnd));
    CHECK_EQ(world.Messages(pair.id).size(), 1u);
    CHECK_EQ(world.First(pair.id, RecordKind::kEnd).opcode, static_cast<uint8_t>(EndReason::kEof));
  }
  {
    TlsPair pair(&world);
    pair.peer->Send(TextFrame("good"));
    pair.peer->tcp().Send(
        "\x17\x03\x03 this is no record, whatever its length says, and it is long enough for it");
    pair.peer->tcp().Send(std::string(9000, '\0'));
    UNTIL(world, world.Has(pair.id, RecordKind::kEnd));
    CHECK_EQ(world.Messages(pair.id).size(), 1u);
    const Event end = world.First(pair.id, RecordKind::kEnd);
    CHECK_EQ(end.opcode, static_cast<uint8_t>(EndReason::kTls));
    CHECK(!end.payload.empty());
  }
  {
    TlsPair pair(&world);
    world.Destroy(pair.id);
    UNTIL(world, pair.peer->close_notify);  // politely
  }
}

// As polite servers leave: CLOSE and close_notify in one segment.
TEST(tls_close_with_close_notify_is_answered) {
  World world;
  TlsPair pair(&world);
  world.on_delivery = [&] {
    if (world.Messages(pair.id).size() == 1) CHECK(pair.Offer("answer") > 0, "the link is still open");
    world.on_delivery = nullptr;
  };
  pair.peer->Send(TextFrame("question") + CloseFrame(1001));
  pair.peer->SendCloseNotify();
  UNTIL(world, world.Has(pair.id, RecordKind::kEnd));
  CHECK_EQ(world.First(pair.id, RecordKind::kEnd).opcode, static_cast<uint8_t>(EndReason::kEof));
  UNTIL(world, pair.peer->tcp().eof);
  const std::vector<ClientFrame> frames = pair.peer->TakeFrames();
  REQUIRE(frames.size() == 2);
  CHECK_EQ(frames[0].payload, "answer");
  CHECK_EQ(frames[1].payload, BytesOf({1001 >> 8, 1001 & 255}));
}

TEST(tls_sealed_frames_cannot_be_withdrawn) {
  World world;
  TlsPair pair(&world, 0, 64 * 1024, 4096);
  pair.peer->tcp().StopReading();
  int64_t offered = 0, sequence;
  while ((sequence = pair.Offer(std::string(3000, static_cast<char>('a' + (offered + 1) % 26)))) > 0) {
    CHECK_EQ(sequence, ++offered);
    const LinkCounters& c = pair.counters();
    CHECK(c.taken <= c.begun && c.begun <= c.sealed && c.sealed <= static_cast<double>(offered));
  }
  CHECK_EQ(sequence, Link::kFull);
  const auto sealed = static_cast<int64_t>(pair.counters().sealed);
  const auto taken = static_cast<int64_t>(pair.counters().taken);
  REQUIRE(taken < sealed && sealed < offered);
  CHECK(pair.counters().queued_bytes <= 64.0 * 1024 + 17 * 1024);
  CHECK(!pair.link().Withdraw(static_cast<uint64_t>(taken)));
  CHECK(!pair.link().Withdraw(static_cast<uint64_t>(sealed)));
  CHECK(pair.link().Withdraw(static_cast<uint64_t>(sealed) + 1));
  CHECK(pair.link().Withdraw(static_cast<uint64_t>(offered)));

  pair.peer->tcp().ReadOn();
  std::vector<ClientFrame> frames;
  UNTIL(world, [&] {
    for (ClientFrame& frame : pair.peer->TakeFrames()) frames.push_back(std::move(frame));
    const size_t seen = frames.size() + (pair.peer->received.empty() ? 0 : 1);
    CHECK(seen == 0 ||
          pair.counters().begun >= static_cast<double>(std::min<size_t>(seen, static_cast<size_t>(sealed))));
    return frames.size() == static_cast<size_t>(offered) - 2;
  }());
  size_t index = 0;
  for (int64_t i = 1; i < offered; i++) {
    if (i == sealed + 1) continue;
    CHECK(frames[index++].payload == std::string(3000, static_cast<char>('a' + i % 26)), std::to_string(i));
  }
  UNTIL(world,
        pair.counters().taken == static_cast<double>(offered - 1) && pair.counters().queued_bytes == 0);
  CHECK(world.Has(pair.id, RecordKind::kWritable));
}

// `more` holds frames back, but not the rest of a record that is on its way, and it does not spin meanwhile.
TEST(tls_more_does_not_hold_the_record_under_way) {
  World world;
  TlsPair pair(&world, 0, 64 * 1024, 4096);
  pair.peer->tcp().StopReading();
  int64_t offered = 0;
  while (pair.counters().queued_bytes == 0) CHECK_EQ(pair.Offer(std::string(3000, 'x')), ++offered);
  CHECK_EQ(pair.Offer("held", true), offered + 1);
  CHECK(pair.counters().taken < static_cast<double>(offered));
  pair.peer->tcp().ReadOn();
  pair.peer->AwaitFrames(static_cast<size_t>(offered));
  UNTIL(world, pair.counters().taken == static_cast<double>(offered));
  world.Settle();
  CHECK(pair.peer->TakeFrames().empty());
  CHECK_EQ(pair.counters().sealed, static_cast<double>(offered));
  pair.link().Flush();
  CHECK_EQ(pair.peer->AwaitFrames(1)[0].payload, "held");
}

// The reading side sends what waits, too (answers of TLS itself go with it), and tells it.
TEST(tls_counts_what_a_read_has_sent) {
  World world;
  TlsPair pair(&world, TLS1_3_VERSION, 64 * 1024, 4096);
  pair.peer->tcp().StopReading();
  double offered = 0;
  while (pair.counters().queued_bytes == 0) CHECK_EQ(pair.Offer(std::string(3000, 'x')), ++offered);
  CHECK_EQ(pair.counters().taken, offered - 1);
  const double record = 8 + 3000 + 22;  // header, payload, TLS 1.3
  CHECK_EQ(pair.counters().begun, pair.counters().queued_bytes < record ? offered : offered - 1);
  pair.peer->Send(TextFrame("down"));
  // By hand, because the loop must not run: a poll would send the rest.
  for (int tries = 0; tries < 10'000 && pair.counters().taken < offered; tries++) {
    char buffer[64 * 1024];
    while (recv(pair.peer->tcp().fd(), buffer, sizeof(buffer), 0) > 0) continue;
    world.Drain(pair.id);
    pair.peer->Send(TextFrame(""));
    usleep(100);
  }
  CHECK_EQ(pair.counters().taken, offered);
  CHECK_EQ(pair.counters().queued_bytes, 0.0);
}

// Node's crypto uses the same queue on the same thread.
TEST(tls_is_not_confused_by_errors_of_others) {
  World world;
  TlsPair pair(&world);
  ERR_put_error(ERR_LIB_USER, 0, 1, __FILE__, __LINE__);
  CHECK(pair.Offer("up") > 0);
  ERR_put_error(ERR_LIB_USER, 0, 1, __FILE__, __LINE__);
  pair.peer->Send(TextFrame("down"));
  ERR_put_error(ERR_LIB_USER, 0, 1, __FILE__, __LINE__);
  CHECK(world.Drain(pair.id) > 0);
  CHECK_EQ(ERR_peek_error(), 0ul);
  CHECK_EQ(world.Messages(pair.id).size(), 1u);
  CHECK_EQ(pair.peer->AwaitFrames(1)[0].payload, "up");
}

// All that the server says comes in one read. Whoever has the bytes asked for them, and has yet to ask for
// the end.
TEST(tls_end_behind_raw_bytes_waits_until_it_is_asked_for) {
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    World world;
    Listener listener;
    const Context server = ServerContext(TestServer(), version);
    const Context client = TrustingClient();
    const uint32_t id = world.Open(listener.port());
    TlsPeer peer(&world, listener.AcceptSocket(), server.get());
    UNTIL(world, world.Has(id, RecordKind::kConnected));
    std::string error;
    CHECK(world[id].StartTls(client.get(), {"localhost", "localhost"}, &error), error);
    UNTIL(world, world.Has(id, RecordKind::kSecure) && peer.secure());
    peer.Send("101");
    peer.SendCloseNotify();
    world[id].ReadMore();
    UNTIL(world, world.Has(id, RecordKind::kRaw));
    world.Settle();
    CHECK(!world.Has(id, RecordKind::kEnd));
    const std::string glued = TextFrame("last words");
    CHECK(world[id].StartWebSocket({}, {}, Raw(glued), glued.size()));
    UNTIL(world, world.Has(id, RecordKind::kEnd));
    CHECK_EQ(world.Messages(id).size(), 1u);
    CHECK_EQ(world.Of(id).back().opcode, static_cast<uint8_t>(EndReason::kEof));
  }
}

}  // namespace shared_ws::test
