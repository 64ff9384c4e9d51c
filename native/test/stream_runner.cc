// What core/ makes of a stream, for the tests that hold it against other receivers:
// test/support/core-receiver.ts writes to it and reads its answers, one after the other, for as long as it
// likes.
//
//   in   MAX_FRAME MAX_MESSAGE WINDOW_BITS NO_TAKEOVER FORMAT  N size…  BYTES\n  and so many bytes
//        WINDOW_BITS 0: permessage-deflate was not negotiated. FORMAT: that of binary messages, as
//        BinaryFormat. The bytes are fed in chunks of these sizes, the last of them again and again.
//   out  STATUS CLOSED BYTES\n  the first violation or 0, whether a CLOSE came, and the log that Recorder
//   kept
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <string>
#include <vector>

#include "core_support.h"
#include "harness.h"

namespace shared_ws::test {

// The checks of core_support.cc: a broken promise of Connection ends the program, and its words say which.
void Fail(const char* file, int line, const std::string& what) {
  std::fprintf(stderr, "%s:%d: %s\n", file, line, what.c_str());
  std::abort();
}

namespace {

struct Stream {
  Limits limits;
  Extensions extensions;
  std::vector<size_t> sizes;
  std::string bytes;
};

bool Read(std::istream& in, Stream* stream) {
  int window_bits = 0, no_takeover = 0, format = 0;
  size_t sizes = 0, bytes = 0;
  in >> stream->limits.max_frame_bytes >> stream->limits.max_message_bytes;
  in >> window_bits >> no_takeover >> format >> sizes;
  if (!in) return false;
  stream->sizes.resize(sizes);
  for (size_t& size : stream->sizes) in >> size;
  in >> bytes;
  in.get();
  stream->bytes.resize(bytes);
  in.read(stream->bytes.data(), static_cast<std::streamsize>(bytes));
  stream->extensions = {};
  if (window_bits > 0) {
    DeflateOptions deflate;
    deflate.server_max_window_bits = window_bits;
    deflate.server_no_context_takeover = no_takeover != 0;
    stream->extensions.deflate = deflate;
  }
  stream->extensions.inflate_binary = static_cast<BinaryFormat>(format);
  return static_cast<bool>(in);
}

void Answer(const Stream& stream) {
  Connection connection(stream.limits, stream.extensions);
  Recorder recorder;
  size_t chunk = 0;
  for (std::string_view rest = stream.bytes; !rest.empty();) {
    const size_t size = std::min(rest.size(), stream.sizes[chunk]);
    Feed(connection, recorder, rest.substr(0, size));
    rest.remove_prefix(size);
    if (chunk + 1 < stream.sizes.size()) chunk++;
  }
  std::printf("%d %d %zu\n", static_cast<int>(connection.status()), connection.close_received(),
              recorder.log.size());
  std::fwrite(recorder.log.data(), 1, recorder.log.size(), stdout);
  std::fflush(stdout);
}

}  // namespace
}  // namespace shared_ws::test

int main() {
  using namespace shared_ws::test;
  std::ios::sync_with_stdio(false);
  Stream stream;
  while (Read(std::cin, &stream)) Answer(stream);
}
