#include "zlib_memory.h"

#include <zlib.h>

#include <cstdlib>

namespace shared_ws {
namespace {

// realloc(), because that is what the tests of Bytes count and refuse already. zlib's sizes are those of its
// tables, so the product does not overflow.
void* Allocate(void*, uInt items, uInt size) {
  return std::realloc(nullptr, static_cast<size_t>(items) * size);
}

void Free(void*, void* block) {
  std::free(block);
}

}  // namespace

z_stream_s* NewZlibStream() {
  auto* stream = static_cast<z_stream_s*>(std::malloc(sizeof(z_stream_s)));
  if (stream == nullptr) return nullptr;
  *stream = z_stream_s{};
  stream->zalloc = Allocate;
  stream->zfree = Free;
  return stream;
}

void FreeZlibStream(z_stream_s* stream) {
  std::free(stream);
}

}  // namespace shared_ws
