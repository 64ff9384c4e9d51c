#pragma once

#include <cstddef>
#include <cstdint>

// The memory of Bytes, seen and refused by wrapping realloc() and free() at link time (-Wl,--wrap=…, core
// tests only).
namespace shared_ws::test {

struct Allocations {
  size_t calls = 0;                // of realloc()
  size_t largest = 0;              // bytes asked for in one call
  size_t refuse_above = SIZE_MAX;  // larger requests get null, as when memory is out
};

// A test resets it before it looks.
extern Allocations allocations;

// Blocks from realloc() that nobody has freed yet.
size_t LiveBlocks();

}  // namespace shared_ws::test
