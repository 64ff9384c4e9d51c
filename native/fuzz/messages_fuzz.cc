#include <vector>

#include "support.h"
#include "test/zlib_peer.h"

// Streams that are right: messages plain and compressed, whole and in fragments, pings between them, however
// they are cut, and every message must come out as it went in. Then bytes of the stream are damaged, and
// whatever becomes of it must not depend on the cuts. Input: one byte for the extensions, one that seeds the
// chopping, one for the damage; then for each message a byte of flags, one for its size, one for the text,
// and one for what its flags ask.
namespace shared_ws::fuzz {
namespace {

// A server that knows what was agreed.
class Server {
 public:
  explicit Server(const Extensions& extensions) : extensions_(extensions), deflate_(WindowBits(extensions)) {}

  void Say(Input& input) {
    const uint8_t flags = input.Byte();
    const bool binary = flags & 1;
    const bool unpacked = binary && extensions_.inflate_binary != BinaryFormat::kAsIs;
    const std::string message = MessageOf(input, binary && !unpacked);
    const uint8_t detail = input.Byte();
    const bool compressed = extensions_.deflate.has_value() && (flags & 2);
    std::string payload = unpacked ? Packed(message) : message;
    if (compressed && payload.empty()) {
      payload = std::string(1, '\0');  // RFC 7692 7.2.3.6; zlib flushes nothing a second time
    } else if (compressed) {
      payload = flags & 4 ? deflate_.FinalMessage(payload) : deflate_.Message(payload);
    }
    if (compressed && extensions_.deflate->server_no_context_takeover) deflate_.Reset();

    uint8_t first = static_cast<uint8_t>((binary ? 2 : 1) | (compressed ? 0x40 : 0));
    for (int cuts = flags >> 4 & 3; cuts > 0; cuts--) {
      const size_t cut = payload.size() * detail / 256;
      stream += test::Frame(first, payload.substr(0, cut));
      payload.erase(0, cut);
      first = 0;
      if (flags & 8) {
        stream += test::Ping("between");
        expected += "ping between\n";
      }
    }
    stream += test::Frame(test::kFin | first, payload);
    const bool ascii =
        std::all_of(message.begin(), message.end(), [](char c) { return static_cast<uint8_t>(c) < 0x80; });
    expected += binary && !unpacked ? test::BinaryLine(message) : test::TextLine(ascii, message);
  }

  std::string stream, expected;

 private:
  static int WindowBits(const Extensions& extensions) {
    return extensions.deflate.has_value() ? extensions.deflate->server_max_window_bits : 15;
  }

  static std::string MessageOf(Input& input, bool any_bytes) {
    constexpr size_t kSizes[] = {0, 1, 30, 125, 126, 200, 600, 2047, 2048, 2049, 5000, 65535, 65536, 70000};
    const uint8_t choice = input.Byte();
    const size_t size = choice < std::size(kSizes) ? kSizes[choice] : choice * 4;
    constexpr std::string_view kTexts[] = {"{\"e\":\"trade\",\"p\":\"0.001\"}", "x", "aß€😀",
                                           "\xED\x9F\xBF\xEE\x80\x80", "0123456789abcdef0123456789ABCDEF"};
    const uint8_t text = input.Byte();
    std::string message;
    while (message.size() < size) {
      if (any_bytes) {
        message.push_back(static_cast<char>(text * message.size() >> 3));
      } else {
        message += kTexts[text % std::size(kTexts)];
        message += std::to_string(message.size() * text % 1000);
      }
    }
    return message;
  }

  std::string Packed(const std::string& message) const {
    const int bits = extensions_.inflate_binary == BinaryFormat::kGzip   ? test::kGzipBits
                     : extensions_.inflate_binary == BinaryFormat::kZlib ? test::kZlibBits
                                                                         : test::kRawBits;
    return test::Packed(message, bits);
  }

  const Extensions& extensions_;
  test::PeerDeflate deflate_;
};

std::string LogOf(const std::string& stream, const Extensions& extensions, const Limits& limits,
                  uint8_t seed) {
  MemoryMeter::Reset();
  std::string log;
  {
    Connection connection(limits, extensions);
    Witness witness(limits);
    FeedChopped(connection, witness, stream, seed);
    CHECK(MemoryMeter::peak() <= MemoryBound(limits, extensions, stream.size()),
          std::to_string(MemoryMeter::peak()));
    log = witness.log();
  }
  CHECK_EQ(MemoryMeter::live(), 0u, "leaked");
  return log;
}

}  // namespace
}  // namespace shared_ws::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace shared_ws;
  using namespace shared_ws::fuzz;
  Input input(data, size);
  const Extensions extensions = ExtensionsOf(input.Byte());
  const uint8_t seed = input.Byte();
  const uint8_t damage = input.Byte();
  Server server(extensions);
  for (int messages = 0; messages < 12 && !input.empty(); messages++) server.Say(input);

  const Limits limits{.max_frame_bytes = 80'000, .max_message_bytes = 80'000};
  CHECK_EQ(LogOf(server.stream, extensions, limits, 0), server.expected);
  CHECK_EQ(LogOf(server.stream, extensions, limits, seed), server.expected, "chopped");

  if (damage == 0 || server.stream.empty()) return 0;
  std::string damaged = server.stream;
  test::Random random(damage);
  for (size_t changes = 1 + random.Below(3); changes > 0; changes--) {
    const size_t at = random.Below(damaged.size());
    damaged[at] = static_cast<char>(damaged[at] ^ (1 << random.Below(8)));
  }
  const Limits tight{.max_frame_bytes = 80'000, .max_message_bytes = random.OneIn(2) ? 80'000u : 500u};
  const std::string whole = LogOf(damaged, extensions, tight, 0);
  CHECK_EQ(LogOf(damaged, extensions, tight, seed), whole, "the chunks decide");
  return 0;
}
