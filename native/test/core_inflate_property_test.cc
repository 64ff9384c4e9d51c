#include <algorithm>
#include <vector>

#include "core_support.h"
#include "harness.h"
#include "zlib_peer.h"

// Random messages, compressed in every way that RFC 7692 leaves to a server, chopped at random, with random
// room to inflate into: what comes out is what was put in. Half of the streams are damaged. Then what came
// before the damage is still delivered, and the rest, be it a violation or other messages, depends on no cut.
// A failure names its seed.
namespace shared_ws::test {
namespace {

constexpr uint64_t kSeeds = 4000;
constexpr uint8_t kRsv1 = 0x40;
const Limits kLimits = {.max_frame_bytes = 6000, .max_message_bytes = 5000};

struct Stream {
  Extensions extensions;
  std::string bytes;
  struct Event {
    size_t end;  // of its last frame
    std::string line;
  };
  std::vector<Event> events;

  std::string LogUpTo(size_t end) const {
    std::string log;
    for (const Event& event : events) {
      if (event.end <= end) log += event.line;
    }
    return log;
  }
};

std::string RandomText(Random& random, bool* ascii) {
  constexpr size_t kSizes[] = {0, 1, 3, 40, 150, 150, 300, 1000, 2500};
  const size_t size = kSizes[random.Below(std::size(kSizes))];
  const bool plain = random.OneIn(2);
  std::string text;
  while (text.size() < size) {
    if (random.OneIn(3)) {
      text += Ticker(static_cast<int>(random.Below(1000)));
    } else if (!plain && random.OneIn(3)) {
      text += random.OneIn(2) ? "\u20AC" : "\U0001F600";
    } else {
      for (size_t n = random.Below(60); n > 0; n--) text.push_back(static_cast<char>(' ' + random.Below(95)));
    }
  }
  *ascii = std::all_of(text.begin(), text.end(), [](char c) { return static_cast<uint8_t>(c) < 0x80; });
  return text;
}

// The payload of a compressed message: of one block or of several, the last of them marked as such or not.
std::string RandomMessage(Random& random, PeerDeflate& peer, std::string_view text) {
  // zlib flushes nothing where there is nothing.
  if (text.empty()) return random.OneIn(2) ? std::string(1, '\0') : peer.FinalMessage("");
  std::string out;
  while (random.OneIn(3)) {
    constexpr int kFlushes[] = {Z_SYNC_FLUSH, Z_FULL_FLUSH, Z_BLOCK, Z_PARTIAL_FLUSH};
    const size_t cut = random.Below(text.size());
    out += peer.Run(text.substr(0, cut), kFlushes[random.Below(std::size(kFlushes))]);
    text.remove_prefix(cut);
  }
  return out + (random.OneIn(5) ? peer.FinalMessage(text) : peer.Message(text));
}

Stream RandomStream(Random& random) {
  Stream stream;
  DeflateOptions deflate;
  deflate.server_no_context_takeover = random.OneIn(3);
  deflate.server_max_window_bits = random.OneIn(2) ? 15 : 9 + static_cast<int>(random.Below(6));
  stream.extensions.deflate = deflate;
  constexpr BinaryFormat kFormats[] = {BinaryFormat::kAsIs, BinaryFormat::kGzip, BinaryFormat::kZlib,
                                       BinaryFormat::kRawDeflate};
  constexpr int kBits[] = {0, kGzipBits, kZlibBits, kRawBits};
  const size_t format = random.OneIn(2) ? 0 : random.Below(std::size(kFormats));
  stream.extensions.inflate_binary = kFormats[format];

  PeerDeflate peer(deflate.server_max_window_bits, static_cast<int>(random.Below(10)));
  const auto ended = [&](const std::string& line) { stream.events.push_back({stream.bytes.size(), line}); };
  const auto control = [&] {
    const std::string payload(random.Below(126), 'c');
    stream.bytes += Frame(kFin | (random.OneIn(2) ? 9 : 10), payload);
    ended((stream.bytes[stream.bytes.size() - payload.size() - 2] & 1 ? "ping " : "pong ") + payload + "\n");
  };
  for (size_t left = 1 + random.Below(8); left > 0; left--) {
    if (random.OneIn(4)) control();
    bool ascii = false;
    const std::string text = RandomText(random, &ascii);
    const bool binary = random.OneIn(3);
    std::string payload = text;
    if (binary && format > 0) {
      payload = Packed(text, kBits[format], static_cast<int>(random.Below(10)));
      if (format == 1 && random.OneIn(3)) payload = Packed("") + payload + Packed("");
    }
    uint8_t first = binary ? 2 : 1;
    if (!random.OneIn(4)) {
      if (deflate.server_no_context_takeover) peer.Reset();
      payload = RandomMessage(random, peer, payload);
      first |= kRsv1;
    }
    for (size_t more = random.OneIn(2) ? random.Below(5) : 0; more > 0; more--) {
      const size_t cut = random.Below(payload.size() + 1);
      stream.bytes += Frame(first, payload.substr(0, cut));
      payload.erase(0, cut);
      first = 0;
      if (random.OneIn(3)) control();
    }
    stream.bytes += Frame(kFin | first, payload);
    ended(binary && format == 0 ? BinaryLine(text) : TextLine(ascii, text));
  }
  return stream;
}

// Changes a byte, puts one in, takes one out, or cuts the end off; returns where.
size_t Damage(Random& random, std::string& bytes) {
  const size_t at = random.Below(bytes.size());
  switch (random.Below(4)) {
    case 0:
      bytes[at] = static_cast<char>(bytes[at] ^ (1 << random.Below(8)));
      break;
    case 1:
      bytes.insert(at, 1, static_cast<char>(random.Byte()));
      break;
    case 2:
      bytes.erase(at, 1);
      break;
    default:
      bytes.erase(at);
  }
  return at;
}

std::string LogInPieces(Random& random, const Stream& stream) {
  Connection connection(kLimits, stream.extensions);
  Recorder recorder;
  recorder.random = Random(random.Next());
  recorder.refuse_one_in = random.OneIn(2) ? 3 : 0;
  constexpr size_t kRooms[] = {1, 7, 150, 512, 2048, 65536};
  recorder.room_bytes = kRooms[random.Below(std::size(kRooms))];
  recorder.lends_memory = !random.OneIn(4);
  constexpr size_t kLongest[] = {1, 3, 20, 200, 8000};
  const size_t longest = kLongest[random.Below(std::size(kLongest))];
  for (size_t at = 0; at < stream.bytes.size();) {
    const size_t size = std::min(stream.bytes.size() - at, 1 + random.Below(longest));
    Feed(connection, recorder, std::string_view(stream.bytes).substr(at, size));
    at += size;
  }
  return recorder.log;
}

TEST(property_random_messages_inflated_in_pieces) {
  size_t violations = 0, others = 0;
  for (uint64_t seed = 1; seed <= kSeeds; seed++) {
    Random random(seed);
    const std::string context = "seed " + std::to_string(seed);
    Stream stream = RandomStream(random);
    const std::string expected = stream.LogUpTo(stream.bytes.size());
    if (!CHECK_EQ(LogOf(stream.bytes, SIZE_MAX, kLimits, stream.extensions), expected, context + ", whole"))
      return;
    if (!CHECK_EQ(LogInPieces(random, stream), expected, context + ", in pieces")) return;

    const std::string before = stream.LogUpTo(Damage(random, stream.bytes));
    const std::string whole = LogOf(stream.bytes, SIZE_MAX, kLimits, stream.extensions);
    const std::string pieces = LogInPieces(random, stream);
    if (!CHECK_EQ(whole.substr(0, before.size()), before, context + ", before the damage")) return;
    if (!CHECK_EQ(pieces.substr(0, before.size()), before, context + ", before the damage, in pieces"))
      return;
    // How far back zlib lets a reference go that leaves a small window depends on what it has at hand.
    if (stream.extensions.deflate->server_max_window_bits == 15 &&
        !CHECK_EQ(pieces, whole, context + ", damaged, in pieces")) {
      return;
    }
    // Recorder sees to it that nothing follows.
    const bool refused = whole.find("violation ", before.size()) != std::string::npos;
    violations += refused;
    others += !refused && whole.size() > before.size();
  }
  // The damage is worth its time only if it does both.
  CHECK(violations > kSeeds / 3, std::to_string(violations));
  CHECK(others > kSeeds / 50, std::to_string(others));
}

}  // namespace
}  // namespace shared_ws::test
