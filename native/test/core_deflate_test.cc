// Messages that permessage-deflate compressed (RFC 7692): what is delivered, and what is refused.
#include "core_support.h"
#include "harness.h"
#include "zlib_peer.h"

namespace shared_ws::test {
namespace {

constexpr uint8_t kRsv1 = 0x40;
const Extensions kDeflate{.deflate = DeflateOptions{}};
const Extensions kNoTakeover{.deflate = DeflateOptions{.server_no_context_takeover = true}};

std::string Compressed(std::string_view payload) {
  return Frame(kFin | kRsv1 | 1, payload);
}

std::string AsciiLines(std::initializer_list<std::string_view> messages) {
  std::string log;
  for (std::string_view message : messages) log += TextLine(true, message);
  return log;
}

}  // namespace

TEST(deflate_examples_of_the_rfc) {
  const std::string hello = BytesOf({0xF2, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00});
  struct Example {
    const char* section;
    std::string stream;
    std::string log;
  };
  const Example examples[] = {
      {"7.2.3.1", Compressed(hello), "ascii Hello\n"},
      {"7.2.3.1 fragmented", Frame(kRsv1 | 1, hello.substr(0, 3)) + Frame(kFin, hello.substr(3)),
       "ascii Hello\n"},
      {"7.2.3.2", Compressed(hello) + Compressed(hello), "ascii Hello\nascii Hello\n"},
      {"7.2.3.2 with the window shared",
       Compressed(hello) + Compressed(BytesOf({0xF2, 0x00, 0x11, 0x00, 0x00})), "ascii Hello\nascii Hello\n"},
      {"7.2.3.3 a block without compression",
       Compressed(BytesOf({0x00, 0x05, 0x00, 0xFA, 0xFF, 'H', 'e', 'l', 'l', 'o', 0x00})), "ascii Hello\n"},
      {"7.2.3.4 a last block", Compressed(BytesOf({0xF3, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00, 0x00})),
       "ascii Hello\n"},
      {"7.2.3.5 two blocks",
       Compressed(BytesOf({0xF2, 0x48, 0x05, 0x00, 0x00, 0x00, 0xFF, 0xFF, 0xCA, 0xC9, 0xC9, 0x07, 0x00})),
       "ascii Hello\n"},
      {"7.2.3.6 an empty message", Compressed(BytesOf({0x00})), "ascii \n"},
  };
  for (const Example& example : examples) {
    // The stream goes on as if nothing had happened.
    const std::string last = Compressed(hello);
    CHECK_EVERY_CUT(example.stream + last, example.log + "ascii Hello\n", Limits{}, kDeflate);
  }
}

TEST(deflate_whole_messages_are_inflated_into_the_room) {
  Connection connection(Limits{}, kDeflate);
  Recorder recorder;
  PeerDeflate peer;
  std::string stream;
  for (int i = 0; i < 100; i++) stream += Compressed(peer.Message(Ticker(i)));
  Feed(connection, recorder, stream);
  CHECK_EQ(recorder.inflated, 100);
  Feed(connection, recorder, Frame(kRsv1 | 1, peer.Message("in ")) + Frame(kFin, ""));
  CHECK_EQ(recorder.inflated, 100);
  CHECK_EQ(recorder.assembled, 1);
  recorder.lends_memory = false;
  Feed(connection, recorder, Compressed(peer.Message("elsewhere")));
  CHECK_EQ(recorder.assembled, 2);
  recorder.lends_memory = true;
  recorder.room_bytes = 1000;
  const std::string large(1001, 'l');
  Feed(connection, recorder, Compressed(peer.Message(large)) + Text("plain"));
  CHECK_EQ(recorder.assembled, 3);
  CHECK_EQ(recorder.in_place, 1, "uncompressed messages stay where they are");
}

TEST(deflate_any_mixture_at_every_cut) {
  for (const bool takeover : {true, false}) {
    PeerDeflate peer;
    const auto message = [&](std::string_view text) {
      if (!takeover) peer.Reset();
      return peer.Message(text);
    };
    const std::string fragmented = message("fragments of one message");
    std::string stream = Frame(kRsv1 | 1, fragmented.substr(0, 4)) + Ping("in between") +
                         Frame(0, fragmented.substr(4, 5)) + Frame(0, "") + Frame(kFin, fragmented.substr(9));
    stream += Text("not compressed") + Frame(kRsv1 | 2, message("binary")) + Frame(kFin, "");
    stream += Compressed(message("fragments of another")) + Frame(1, "not ") + Frame(kFin, "compressed");
    stream += Compressed("") + Frame(kRsv1 | 1, "") + Ping("p") + Frame(kFin, "");
    stream += Compressed(message("gr\u00F6\u00DFer")) + Close(1000, "bye") + Compressed("ignored");
    CHECK_EVERY_CUT(stream,
                    "ping in between\nascii fragments of one message\nascii not compressed\nbinary binary\n"
                    "ascii fragments of another\nascii not compressed\nascii \nping p\nascii \n"
                    "text gr\u00F6\u00DFer\nclose 1000 bye\n",
                    Limits{}, takeover ? kDeflate : kNoTakeover);
  }
}

// RFC 7692 7.2.3.4: a last block ends nothing but itself; what follows may refer to what came before it.
TEST(deflate_last_blocks_and_what_follows_them) {
  PeerDeflate peer;
  const std::string again = "what the last block of a message said";
  std::string stream = Compressed(peer.FinalMessage(again));
  const std::string second = peer.Message(again + ", again");
  CHECK(second.size() < 20, "it refers to the first");
  stream += Compressed(second);
  // Two of them in one message, cut between.
  std::string both = peer.Run("one, ", Z_FINISH);
  peer.Reset();
  both += peer.Run("two", Z_FINISH);
  stream += Compressed(both) + Frame(kRsv1 | 1, both.substr(0, 6)) + Frame(kFin, both.substr(6));
  // Without the octet behind it, as some write it; and with the tail itself as the last block.
  peer.Reset();
  stream += Compressed(peer.Run("bare", Z_FINISH)) + Compressed(BytesOf({0x01}));
  peer.Reset();
  stream += Compressed(peer.Message("end"));
  CHECK_EVERY_CUT(stream, AsciiLines({again, again + ", again", "one, two", "one, two", "bare", "", "end"}),
                  Limits{}, kDeflate);
}

TEST(deflate_windows_of_every_size) {
  Random random(3);
  std::string noise;
  for (int i = 0; i < 300; i++) noise.push_back(static_cast<char>('a' + random.Below(26)));
  for (int bits = 8; bits <= 15; bits++) {
    Extensions extensions = kDeflate;
    extensions.deflate->server_max_window_bits = bits;
    // zlib cannot compress with a window of 256 bytes: messages that are none the longer, each on its own.
    const bool smallest = bits == 8;
    PeerDeflate peer(smallest ? 9 : bits);
    std::string stream, log;
    for (int i = 0; i < 60; i++) {
      if (smallest) peer.Reset();
      const std::string text =
          smallest ? Ticker(i).substr(0, 120) + Ticker(i).substr(0, 120) : noise + Ticker(i);
      stream += Compressed(peer.Message(text));
      log += TextLine(true, text);
    }
    for (size_t chunk : {SIZE_MAX, size_t{1}, size_t{7}, size_t{100}}) {
      CHECK(LogOf(stream, chunk, {}, extensions) == log, std::to_string(bits));
    }
  }
}

TEST(deflate_references_beyond_the_window_are_corrupt) {
  Extensions extensions = kDeflate;
  extensions.deflate->server_max_window_bits = 9;
  Random random(4);
  std::string noise;
  for (int i = 0; i < 600; i++) noise.push_back(static_cast<char>('a' + random.Below(26)));
  PeerDeflate peer(15);
  std::string stream = Compressed(peer.Message(noise));
  stream += Compressed(peer.Message(noise));
  CHECK_EQ(LogOf(stream, SIZE_MAX, {}, extensions),
           TextLine(true, noise) + ViolationLine(Status::kDeflateCorrupt));
  CHECK_EQ(LogOf(stream, SIZE_MAX, {}, kDeflate), TextLine(true, noise) + TextLine(true, noise));
  // Without takeover nothing may be referred to.
  CHECK_EQ(LogOf(stream, SIZE_MAX, {}, kNoTakeover),
           TextLine(true, noise) + ViolationLine(Status::kDeflateCorrupt));
}

TEST(deflate_reserved_bits) {
  const std::string hello = BytesOf({0xF2, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00});
  const std::string refused = ViolationLine(Status::kReservedBits);
  CHECK_EVERY_CUT(Compressed(hello), refused);  // nothing was negotiated
  const Extensions gzip{.inflate_binary = BinaryFormat::kGzip};
  CHECK_EVERY_CUT(Compressed(hello), refused, Limits{}, gzip);
  for (uint8_t bits : {0x20, 0x10, 0x30, 0x60, 0x50, 0x70}) {
    CHECK_EVERY_CUT(Frame(static_cast<uint8_t>(kFin | bits | 1), hello), refused, Limits{}, kDeflate);
  }
  for (uint8_t opcode : {8, 9, 10}) {
    CHECK_EVERY_CUT(Frame(static_cast<uint8_t>(kFin | kRsv1 | opcode), ""), refused, Limits{}, kDeflate);
  }
  for (uint8_t fin : {0x00, 0x80}) {
    for (uint8_t first : {0x00, 0x40}) {
      const std::string begun = Frame(first | 1, first == 0 ? "Hello" : hello);
      CHECK_EVERY_CUT(begun + Frame(fin | kRsv1, ""), refused, Limits{}, kDeflate);
    }
  }
  CHECK_EVERY_CUT(Frame(kFin | kRsv1 | 3, ""), refused, Limits{}, kDeflate);
}

TEST(deflate_corrupt_and_truncated_messages) {
  const std::string corrupt = ViolationLine(Status::kDeflateCorrupt);
  const std::string truncated = ViolationLine(Status::kDeflateTruncated);
  const std::string refused[][2] = {
      {BytesOf({0x06, 0x00}), corrupt},                                      // a block of type 3
      {BytesOf({0x00, 0x05, 0x00, 0x00, 0x00, 'H'}), corrupt},               // length and its complement
      {BytesOf({0xF2, 0x00, 0x11, 0x00, 0x00}), corrupt},                    // before the beginning
      {BytesOf({0x04, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF}), corrupt},              // code lengths
      {BytesOf({0xF3, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00, 0xFF}), corrupt},  // garbage behind a last block
      {BytesOf({0xF2, 0x48, 0xCD, 0xC9}), truncated},
      {BytesOf({0x00, 0x05, 0x00, 0xFA, 0xFF, 'H', 'e'}), corrupt},  // the tail is in the block
      {BytesOf({0x02}), truncated},                                  // a block begins, and that is all
  };
  for (const auto& [payload, log] : refused) {
    CHECK_EVERY_CUT(Frame(kFin | kRsv1 | 2, payload) + Text("after"), log, Limits{}, kDeflate);
    CHECK_EVERY_CUT(Frame(kRsv1 | 2, payload) + Frame(kFin, "") + Text("after"), log, Limits{}, kDeflate);
  }
}

// The tail that is put behind a message may be the content of its last block; the room may be full just
// there.
TEST(deflate_end_of_a_message_does_not_depend_on_the_room) {
  const std::string payload = BytesOf({0x00, 0x06, 0x00, 0xF9, 0xFF, 'H', 'e'});
  for (size_t room = 1; room < 10; room++) {
    Connection connection(Limits{}, kDeflate);
    Recorder recorder;
    recorder.room_bytes = room;
    Feed(connection, recorder, Frame(kFin | kRsv1 | 2, payload) + Text("after"));
    CHECK_EQ(recorder.log, BinaryLine("He" + BytesOf({0, 0, 0xFF, 0xFF})) + TextLine(true, "after"),
             "room for " + std::to_string(room));
  }
}

TEST(deflate_text_fails_as_soon_as_it_is_not_utf8) {
  PeerDeflate peer;
  const std::string bad = "good so far " + BytesOf({0xFF});
  const std::string refused = ViolationLine(Status::kTextNotUtf8);
  const std::string payload = peer.Message(bad);
  CHECK_EVERY_CUT(Compressed(payload), refused, Limits{}, kDeflate);
  // The rest of the message never comes.
  CHECK_EVERY_CUT(Frame(kRsv1 | 1, payload), refused, Limits{}, kDeflate);
  peer.Reset();
  CHECK_EVERY_CUT(Compressed(peer.Message("cut short " + BytesOf({0xE2, 0x82}))), refused, Limits{},
                  kDeflate);
  peer.Reset();
  CHECK_EVERY_CUT(Frame(kFin | kRsv1 | 2, peer.Message(bad)), BinaryLine(bad), Limits{}, kDeflate);
}

TEST(deflate_limits_hold_for_what_is_inflated) {
  const Limits limits = {.max_frame_bytes = 400, .max_message_bytes = 300};
  PeerDeflate peer;
  const auto of = [&](size_t size) {
    peer.Reset();
    return peer.Message(std::string(size, 'x'));
  };
  for (const bool in_fragments : {false, true}) {
    const auto frames = [&](const std::string& payload) {
      if (!in_fragments) return Compressed(payload);
      return Frame(kRsv1 | 1, payload.substr(0, 2)) + Frame(kFin, payload.substr(2));
    };
    CHECK_EVERY_CUT(frames(of(300)), TextLine(true, std::string(300, 'x')), limits, kNoTakeover);
    CHECK_EVERY_CUT(frames(of(301)), ViolationLine(Status::kMessageTooLarge), limits, kNoTakeover);
    CHECK_EVERY_CUT(frames(of(5000)), ViolationLine(Status::kMessageTooLarge), limits, kNoTakeover);
  }
  // Compressed, it may be longer than it is; the frame is what has a limit there.
  PeerDeflate stored(15, 0);
  std::string blocks;
  for (int i = 0; i < 50; i++) blocks += stored.Run("five!", Z_SYNC_FLUSH);
  blocks.resize(blocks.size() - 4);
  CHECK(blocks.size() > 600);
  std::string text;
  for (int i = 0; i < 50; i++) text += "five!";
  CHECK_EVERY_CUT(Frame(kRsv1 | 1, blocks.substr(0, 400)) + Frame(kFin, blocks.substr(400)),
                  TextLine(true, text), limits, kDeflate);
  CHECK_EVERY_CUT(Compressed(blocks), ViolationLine(Status::kFrameTooLarge), limits, kDeflate);
}

// The first fault of a message is the one that is told, however its bytes come.
TEST(deflate_the_first_fault_counts) {
  const std::string not_utf8 = ViolationLine(Status::kTextNotUtf8);
  const std::string stored = PeerDeflate(15, 0).Run("caf\xC3(", Z_SYNC_FLUSH);
  CHECK_EVERY_CUT(Compressed(stored + "\xFF\xFF"), not_utf8, Limits{}, kDeflate);
  CHECK_EVERY_CUT(Compressed(stored.substr(0, stored.size() - 2)), not_utf8, Limits{}, kDeflate);
  const Limits limits{.max_frame_bytes = 1000, .max_message_bytes = 300};
  CHECK_EVERY_CUT(Compressed(PeerDeflate().Message("\xFF" + std::string(400, 'x'))), not_utf8, limits,
                  kDeflate);
  CHECK_EVERY_CUT(Compressed(PeerDeflate().Message(std::string(400, 'x') + "\xFF")),
                  ViolationLine(Status::kMessageTooLarge), limits, kDeflate);
  const Extensions gzip{.deflate = DeflateOptions{}, .inflate_binary = BinaryFormat::kGzip};
  const std::string packed = PeerDeflate().Message(Packed("caf\xC3(" + std::string(400, 'x')));
  CHECK_EVERY_CUT(Frame(kFin | kRsv1 | 2, packed), ViolationLine(Status::kBinaryNotUtf8), limits, gzip);
}

// The largest limit there is does not become the smallest.
TEST(deflate_without_a_limit) {
  const Limits limits{.max_frame_bytes = UINT64_MAX, .max_message_bytes = UINT64_MAX};
  CHECK_EVERY_CUT(Compressed(PeerDeflate().Message("text")), TextLine(true, "text"), limits, kDeflate);
}

}  // namespace shared_ws::test
