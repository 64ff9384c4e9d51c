#include "core_allocations.h"

#include <algorithm>
#include <cstdlib>

namespace shared_ws::test {
Allocations allocations;
}

extern "C" {

void* __real_realloc(void* block, size_t size);

void* __wrap_realloc(void* block, size_t size) {
  auto& seen = shared_ws::test::allocations;
  seen.calls++;
  seen.largest = std::max(seen.largest, size);
  return size > seen.refuse_above ? nullptr : __real_realloc(block, size);
}
}
