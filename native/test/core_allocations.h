#pragma once

#include <cstddef>
#include <cstdint>

// The memory of Bytes and of zlib's streams, seen and refused by wrapping malloc(), realloc() and free() at
// link time
// (-Wl,--wrap=…, core tests only).
namespace shared_ws::test {

struct Allocations {
  size_t calls = 0;                // of malloc() and realloc()
  size_t largest = 0;              // bytes asked for in one call
  size_t refuse_above = SIZE_MAX;  // larger requests get null, as when memory is out
  size_t refuse_call = SIZE_MAX;   // so does this one, counted from 0, and all behind it
  ptrdiff_t live_bytes = 0;        // asked for since the reset, less what was freed
  ptrdiff_t peak_bytes = 0;        // the most of that
};

// A test resets it before it looks.
extern Allocations allocations;

// Blocks that nobody has freed yet.
size_t LiveBlocks();

}  // namespace shared_ws::test
