#pragma once

#include <cstddef>
#include <cstdint>

// The memory that Bytes asks for, seen and refused by wrapping realloc() at link time (-Wl,--wrap=realloc,
// core tests only).
namespace shared_ws::test {

struct Allocations {
  size_t calls = 0;
  size_t largest = 0;              // bytes asked for in one call
  size_t refuse_above = SIZE_MAX;  // larger requests get null, as when memory is out
};

// A test resets it before it looks.
extern Allocations allocations;

}  // namespace shared_ws::test
