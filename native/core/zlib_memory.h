#pragma once

struct z_stream_s;

namespace shared_ws {

// A z_stream whose memory comes from malloc() and goes to free(), as that of Bytes does; for inflateInit2()
// or deflateInit2(). Null when there is no memory.
z_stream_s* NewZlibStream();
// After inflateEnd() or deflateEnd().
void FreeZlibStream(z_stream_s* stream);

}  // namespace shared_ws
