#pragma once

#include <cstddef>
#include <cstdint>

#include "bytes.h"
#include "extensions.h"

struct z_stream_s;

namespace shared_ws {

// Compresses the messages of one connection for permessage-deflate (RFC 7692 7.2.1). Memory is zlib's, from
// malloc(): 2^(window_bits + 2) + 2^(mem_level + 9) bytes and about 6 KB more, allocated by the first message
// and kept.
class Deflater {
 public:
  // zlib has no compressor for a window of 256 bytes.
  static bool Supports(const DeflateOptions& options) {
    return options.compress.has_value() && options.client_max_window_bits >= 9;
  }

  explicit Deflater(const DeflateOptions& options)
      : compress_(*options.compress),
        window_bits_(options.client_max_window_bits),
        keeps_window_(!options.client_no_context_takeover) {}
  ~Deflater();
  Deflater(const Deflater&) = delete;
  Deflater& operator=(const Deflater&) = delete;

  size_t threshold_bytes() const { return compress_.threshold_bytes; }
  // A message may refer to the ones before it, back to the last Reset().
  bool keeps_window() const { return keeps_window_; }

  // Replaces `out` by the payload of a compressed message. False: no memory, and then the next message refers
  // to nothing before it.
  bool Compress(const uint8_t* payload, size_t n, Bytes& out);

  // The next message refers to nothing before it.
  void Reset();

 private:
  bool Open();
  bool Run(const uint8_t* payload, size_t n, Bytes& out);

  z_stream_s* stream_ = nullptr;
  const DeflateCompression compress_;
  const int window_bits_;
  const bool keeps_window_;
};

}  // namespace shared_ws
