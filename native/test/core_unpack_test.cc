// Binary messages that are streams of a compressed format of the application's, delivered as text.
#include "core_support.h"
#include "harness.h"
#include "zlib_peer.h"

namespace shared_ws::test {
namespace {

constexpr uint8_t kRsv1 = 0x40;

struct Format {
  BinaryFormat format;
  int bits;
};
constexpr Format kFormats[] = {{BinaryFormat::kGzip, kGzipBits},
                               {BinaryFormat::kZlib, kZlibBits},
                               {BinaryFormat::kRawDeflate, kRawBits}};

Extensions Unpacking(BinaryFormat format, bool deflate = false) {
  Extensions extensions{.inflate_binary = format};
  if (deflate) extensions.deflate.emplace();
  return extensions;
}

// Each cut of the message itself in the stream of its frames is another matter than cuts of the stream.
std::string InFragments(const std::string& payload, size_t at) {
  return Frame(2, payload.substr(0, at)) + Ping("p") + Frame(kFin, payload.substr(at));
}

}  // namespace

TEST(unpack_each_format_at_every_cut) {
  for (const auto& [format, bits] : kFormats) {
    const Extensions extensions = Unpacking(format);
    const std::string first = Packed(Ticker(1), bits), second = Packed("{\"gr\u00F6\u00DFe\":1}", bits);
    CHECK_EVERY_CUT(Binary(first) + Text("as it is") + Binary(second) + Binary(Packed("", bits)) +
                        InFragments(first, 9) + Frame(1, "in ") + Frame(kFin, "parts") + Binary(first),
                    TextLine(true, Ticker(1)) + "ascii as it is\n" +
                        TextLine(false, "{\"gr\u00F6\u00DFe\":1}") + "ascii \nping p\n" +
                        TextLine(true, Ticker(1)) + "ascii in parts\n" + TextLine(true, Ticker(1)),
                    Limits{}, extensions);
    Connection connection(Limits{}, extensions);
    Recorder recorder;
    Feed(connection, recorder, Binary(first) + Binary(second));
    CHECK_EQ(recorder.inflated, 2, "into the room, like any other");
  }
}

TEST(unpack_inside_permessage_deflate) {
  for (const auto& [format, bits] : kFormats) {
    PeerDeflate peer;
    std::string stream, log;
    for (int i = 0; i < 3; i++) {
      stream += Frame(kFin | kRsv1 | 2, peer.Message(Packed(Ticker(i), bits)));
      stream += Frame(kFin | kRsv1 | 1, peer.Message("text " + Ticker(i)));
      stream += Binary(Packed(Ticker(i), bits));
      log += TextLine(true, Ticker(i)) + TextLine(true, "text " + Ticker(i)) + TextLine(true, Ticker(i));
    }
    CHECK_EVERY_CUT(stream, log, Limits{}, Unpacking(format, true));
  }
}

TEST(unpack_several_members_of_gzip) {
  const Extensions gzip = Unpacking(BinaryFormat::kGzip);
  const std::string members = Packed("one, ") + Packed("") + Packed("two");
  CHECK_EVERY_CUT(Binary(members) + InFragments(members, 30), "ascii one, two\nping p\nascii one, two\n",
                  Limits{}, gzip);
}

TEST(unpack_what_is_wrong_with_a_message) {
  for (const auto& [format, bits] : kFormats) {
    const std::string packed = Packed(Ticker(1), bits);
    std::string wrong = packed;
    for (size_t i = 2; i < wrong.size(); i++) wrong[i] = static_cast<char>(0xFF);
    if (format == BinaryFormat::kGzip) wrong = packed.substr(0, 10) + wrong.substr(10);
    if (format == BinaryFormat::kRawDeflate) wrong[0] = 0x06;
    const std::string refused[][2] = {
        {wrong, ViolationLine(Status::kBinaryCorrupt)},
        {packed.substr(0, packed.size() - 1), ViolationLine(Status::kBinaryTruncated)},
        {packed.substr(0, 3), ViolationLine(Status::kBinaryTruncated)},
        {"", ViolationLine(Status::kBinaryTruncated)},
        {packed + "x", ViolationLine(Status::kBinaryTrailing)},
        {packed + std::string(1, '\0'), ViolationLine(Status::kBinaryTrailing)},
        {Packed("bad " + BytesOf({0xFF}), bits), ViolationLine(Status::kBinaryNotUtf8)},
        {Packed("cut " + BytesOf({0xE2, 0x82}), bits), ViolationLine(Status::kBinaryNotUtf8)},
    };
    for (const auto& [payload, log] : refused) {
      CHECK_EVERY_CUT(Text("before") + Binary(payload) + Text("after"), "ascii before\n" + log, Limits{},
                      Unpacking(format));
      PeerDeflate peer;
      CHECK_EVERY_CUT(Frame(kFin | kRsv1 | 2, peer.Message(payload) + (payload.empty() ? "" : "")), log,
                      Limits{}, Unpacking(format, true));
    }
  }
  // A second member of gzip that is none, and one that is cut short.
  const Extensions gzip = Unpacking(BinaryFormat::kGzip);
  const std::string packed = Packed("member");
  CHECK_EVERY_CUT(Binary(packed + BytesOf({0x1F, 0x00})), ViolationLine(Status::kBinaryCorrupt), Limits{},
                  gzip);
  CHECK_EVERY_CUT(Binary(packed + packed.substr(0, 5)), ViolationLine(Status::kBinaryTruncated), Limits{},
                  gzip);
  // The checksum, and another format than the one named.
  std::string checksum = packed;
  checksum[checksum.size() - 6] ^= 1;
  CHECK_EVERY_CUT(Binary(checksum), ViolationLine(Status::kBinaryCorrupt), Limits{}, gzip);
  CHECK_EVERY_CUT(Binary("{\"plain\":1}"), ViolationLine(Status::kBinaryCorrupt), Limits{}, gzip);
  CHECK_EVERY_CUT(Binary(packed), ViolationLine(Status::kBinaryCorrupt), Limits{},
                  Unpacking(BinaryFormat::kZlib));
  // zlib's format may ask for a dictionary, which nobody has agreed on.
  CHECK_EVERY_CUT(Binary(BytesOf({0x78, 0xBB, 0, 0, 0, 1, 0})), ViolationLine(Status::kBinaryCorrupt),
                  Limits{}, Unpacking(BinaryFormat::kZlib));
}

TEST(unpack_limits_hold_before_and_after) {
  const Limits limits = {.max_frame_bytes = 1000, .max_message_bytes = 300};
  for (const auto& [format, bits] : kFormats) {
    const std::string exact(300, 'x'), more(301, 'x');
    CHECK_EVERY_CUT(Binary(Packed(exact, bits)), TextLine(true, exact), limits, Unpacking(format));
    CHECK_EVERY_CUT(Binary(Packed(more, bits)), ViolationLine(Status::kMessageTooLarge), limits,
                    Unpacking(format));
    PeerDeflate peer;
    CHECK_EVERY_CUT(Frame(kFin | kRsv1 | 2, peer.Message(Packed(more, bits))),
                    ViolationLine(Status::kMessageTooLarge), limits, Unpacking(format, true));
  }
  // What is between the two formats counts as well: here the second takes nearly all of it away again.
  const std::string name(400, 'n');
  const std::string header = BytesOf({0x1F, 0x8B, 8, 8, 0, 0, 0, 0, 0, 3}) + name + std::string(1, '\0');
  const std::string packed = header + Packed("short").substr(10);
  PeerDeflate peer;
  const std::string twice = peer.Message(packed);
  CHECK(twice.size() < 300);
  CHECK_EVERY_CUT(Frame(kFin | kRsv1 | 2, twice), ViolationLine(Status::kMessageTooLarge), limits,
                  Unpacking(BinaryFormat::kGzip, true));
  CHECK_EVERY_CUT(Binary(packed), ViolationLine(Status::kMessageTooLarge), limits,
                  Unpacking(BinaryFormat::kGzip));
  CHECK_EVERY_CUT(Binary(packed), "ascii short\n", Limits{}, Unpacking(BinaryFormat::kGzip));
}

}  // namespace shared_ws::test
