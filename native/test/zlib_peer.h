#pragma once

#include <zlib.h>

#include <string>
#include <string_view>

#include "harness.h"

// The other end's zlib, and what the tests of compression share.
namespace shared_ws::test {

constexpr int kRawBits = -15;
constexpr int kGzipBits = 31;
constexpr int kZlibBits = 15;

// Compresses the messages of one connection, as a peer with context takeover does.
class PeerDeflate {
 public:
  explicit PeerDeflate(int window_bits = 15, int level = 6) {
    CHECK_EQ(deflateInit2(&stream_, level, Z_DEFLATED, -window_bits, 8, Z_DEFAULT_STRATEGY), Z_OK);
  }
  ~PeerDeflate() { deflateEnd(&stream_); }
  PeerDeflate(const PeerDeflate&) = delete;

  // What a flush of zlib writes for `text`.
  std::string Run(std::string_view text, int flush) {
    std::string out;
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
    stream_.avail_in = static_cast<uInt>(text.size());
    do {
      char part[4096];
      stream_.next_out = reinterpret_cast<Bytef*>(part);
      stream_.avail_out = sizeof part;
      const int result = deflate(&stream_, flush);
      CHECK(result == Z_OK || result == Z_STREAM_END || result == Z_BUF_ERROR);
      out.append(part, sizeof part - stream_.avail_out);
    } while (stream_.avail_out == 0);
    return out;
  }

  // The payload of a compressed message (RFC 7692 7.2.1).
  std::string Message(std::string_view text) {
    std::string out = Run(text, Z_SYNC_FLUSH);
    CHECK(out.size() >= 5);
    return out.substr(0, out.size() - 4);
  }
  // The same, ending in a block that says it is the last, and the octet behind it (7.2.3.4); the window is
  // kept.
  std::string FinalMessage(std::string_view text) {
    const std::string out = Run(text, Z_FINISH);
    Bytef window[32768];
    uInt size = 0;
    CHECK_EQ(deflateGetDictionary(&stream_, window, &size), Z_OK);
    CHECK_EQ(deflateReset(&stream_), Z_OK);
    CHECK_EQ(deflateSetDictionary(&stream_, window, size), Z_OK);
    return out + std::string(1, '\0');
  }
  void Reset() { CHECK_EQ(deflateReset(&stream_), Z_OK); }

 private:
  z_stream stream_ = {};
};

// Inflates the messages of one connection, as a peer does, and fails the test over what is not whole.
class PeerInflate {
 public:
  explicit PeerInflate(int window_bits = 15) { CHECK_EQ(inflateInit2(&stream_, -window_bits), Z_OK); }
  ~PeerInflate() { inflateEnd(&stream_); }
  PeerInflate(const PeerInflate&) = delete;

  std::string Message(std::string payload) {
    payload.append("\0\0\xFF\xFF", 4);
    std::string text;
    stream_.next_in = reinterpret_cast<Bytef*>(payload.data());
    stream_.avail_in = static_cast<uInt>(payload.size());
    int state = 0;  // as zlib tells it after a call that had input; one without forgets it
    do {
      char part[4096];
      stream_.next_out = reinterpret_cast<Bytef*>(part);
      stream_.avail_out = sizeof part;
      const bool has_input = stream_.avail_in > 0;
      const int result = inflate(&stream_, Z_SYNC_FLUSH);
      if (has_input) state = stream_.data_type;
      if (!CHECK(result == Z_OK || result == Z_BUF_ERROR, stream_.msg == nullptr ? "" : stream_.msg))
        return text;
      text.append(part, sizeof part - stream_.avail_out);
    } while (stream_.avail_out == 0);
    CHECK_EQ(stream_.avail_in, 0u);
    CHECK_EQ(state & (128 + 63), 128, "the message ends between blocks");
    return text;
  }
  void Reset() { CHECK_EQ(inflateReset(&stream_), Z_OK); }

 private:
  z_stream stream_ = {};
};

// One whole stream; `bits` say of which format.
inline std::string Packed(std::string_view text, int bits = kGzipBits, int level = 6) {
  z_stream stream = {};
  CHECK_EQ(deflateInit2(&stream, level, Z_DEFLATED, bits, 8, Z_DEFAULT_STRATEGY), Z_OK);
  std::string out(deflateBound(&stream, static_cast<uLong>(text.size())) + 32, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  CHECK_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

// A ticker as exchanges send it: about 150 bytes, most of them as in the one before.
inline std::string Ticker(int i) {
  const std::string n = std::to_string(i);
  return "{\"e\":\"24hrTicker\",\"E\":17000000" + n + ",\"s\":\"BTCUSDT\",\"c\":\"27123." + n +
         "\",\"o\":\"27000.10\",\"h\":\"27500.00\",\"l\":\"26900.50\",\"v\":\"12345.678\",\"n\":" + n + "}";
}

}  // namespace shared_ws::test
