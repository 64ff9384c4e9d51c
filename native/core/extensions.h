#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

namespace shared_ws {

// How we compress. Not inside DeflateOptions: Clang takes a nested class with default values as incomplete
// there, and std::optional of it as not constructible.
struct DeflateCompression {
  size_t threshold_bytes = 1024;  // smaller payloads are sent as they are
  int level = -1;                 // zlib's: -1 (its default) to 9
  int mem_level = 8;              // zlib's: 1 to 9
};

// What the handshake agreed on for permessage-deflate (RFC 7692 section 7.1), and what of ours is to be
// compressed.
struct DeflateOptions {
  bool server_no_context_takeover = false;
  int server_max_window_bits = 15;  // 8 to 15
  bool client_no_context_takeover = false;
  int client_max_window_bits = 15;  // 8 to 15; with 8 nothing is compressed: zlib has no such compressor

  std::optional<DeflateCompression> compress = std::nullopt;  // none: nothing that we send is compressed
};

// What the binary messages of a connection are, if they are to be inflated.
enum class BinaryFormat : uint8_t { kAsIs, kGzip, kZlib, kRawDeflate };

struct Extensions {
  std::optional<DeflateOptions> deflate = std::nullopt;  // none: RSV1 is a violation
  // Each binary message is one stream of this kind (gzip: of one or more members), delivered as the text
  // inside.
  BinaryFormat inflate_binary = BinaryFormat::kAsIs;
};

}  // namespace shared_ws
