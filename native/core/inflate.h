#pragma once

#include <cstddef>
#include <cstdint>

struct z_stream_s;

namespace shared_ws {

// DEFLATE data that comes in pieces, and what it inflates to. Memory is zlib's, from malloc(): 7 KB and a
// window of 2^window_bits bytes, allocated by the first call of Inflate(), kept for the streams after it, and
// freed by Free().
class Inflater {
 public:
  enum class Format : uint8_t { kRaw, kZlib, kGzip };
  enum class Result : uint8_t { kNeedsInput, kNeedsRoom, kStreamEnd, kCorrupt, kOutOfMemory };

  // A sender that refers further back than the window is corrupt as soon as zlib no longer has those bytes:
  // what has been written by the same call is at hand, however small the window.
  Inflater(Format format, int window_bits) : format_(format), window_bits_(window_bits) {}
  ~Inflater() { Free(); }
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;

  // Inflates from [*in, *in + *n) to [out, out + room), room > 0, and moves `in` and `n` past what it used;
  // zlib may write anywhere in the room. kNeedsInput: all input is used and all it stands for is written.
  // kNeedsRoom: the room is full, and more may come even when no input is left. kStreamEnd: of a stream that
  // says itself where it ends; Restart() comes next.
  Result Inflate(const uint8_t** in, size_t* n, uint8_t* out, size_t room, size_t* written);

  // Between two blocks, with every bit of the input used.
  bool AtBoundary() const { return at_boundary_; }

  // A new stream begins, which may refer to what came before it if the window is kept.
  void Restart(bool keep_window);

  void Free();

 private:
  bool Open();

  z_stream_s* stream_ = nullptr;
  bool at_boundary_ = true;
  const Format format_;
  const int window_bits_;
};

}  // namespace shared_ws
