#include "inflate.h"

#include <zlib.h>

#include <algorithm>

#include "zlib_memory.h"

namespace shared_ws {
namespace {

constexpr size_t kMaxRunBytes = size_t{1} << 30;  // zlib counts in 32 bits

}  // namespace

bool Inflater::Open() {
  z_stream_s* stream = NewZlibStream();
  if (stream == nullptr) return false;
  // zlib's way to say which wrapper it shall expect.
  const int bits = format_ == Format::kRaw    ? -window_bits_
                   : format_ == Format::kGzip ? window_bits_ + 16
                                              : window_bits_;
  if (inflateInit2(stream, bits) != Z_OK) {
    FreeZlibStream(stream);
    return false;
  }
  stream_ = stream;
  return true;
}

Inflater::Result Inflater::Inflate(const uint8_t** in, size_t* n, uint8_t* out, size_t room,
                                   size_t* written) {
  *written = 0;
  if (stream_ == nullptr && !Open()) return Result::kOutOfMemory;
  const size_t given = std::min(*n, kMaxRunBytes);
  const size_t taken_room = std::min(room, kMaxRunBytes);
  stream_->next_in = const_cast<Bytef*>(*in);  // zlib does not write there
  stream_->avail_in = static_cast<uInt>(given);
  stream_->next_out = out;
  stream_->avail_out = static_cast<uInt>(taken_room);
  const int result = inflate(stream_, Z_SYNC_FLUSH);
  *in += given - stream_->avail_in;
  *n -= given - stream_->avail_in;
  *written = taken_room - stream_->avail_out;
  // See inflate() in zlib.h: 128 is "between blocks", the low bits count those not used of the last byte. A
  // call that has nothing to do makes zlib forget the first.
  if (given > 0 || *written > 0) at_boundary_ = (stream_->data_type & (128 | 63)) == 128;
  switch (result) {
    case Z_STREAM_END:
      return Result::kStreamEnd;
    case Z_OK:
    case Z_BUF_ERROR:  // no progress was possible
      return stream_->avail_out == 0 || *n > 0 ? Result::kNeedsRoom : Result::kNeedsInput;
    case Z_MEM_ERROR:
      return Result::kOutOfMemory;
    default:  // Z_NEED_DICT too: nobody has agreed on a dictionary
      return Result::kCorrupt;
  }
}

void Inflater::Restart(bool keep_window) {
  if (stream_ == nullptr) return;
  // Neither can fail on a stream that was opened. The first is in zlib.h's list of undocumented functions,
  // and has been exported since 1.2.6; without it 32 KB would have to be copied out and in again.
  if (keep_window) {
    inflateResetKeep(stream_);
  } else {
    inflateReset(stream_);
  }
}

void Inflater::Free() {
  if (stream_ == nullptr) return;
  inflateEnd(stream_);
  FreeZlibStream(stream_);
  stream_ = nullptr;
}

}  // namespace shared_ws
