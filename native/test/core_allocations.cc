#include "core_allocations.h"

#include <algorithm>
#include <cstdlib>
#include <set>

namespace shared_ws::test {
namespace {

std::set<void*>& Live() {
  static std::set<void*> live;
  return live;
}

}  // namespace

Allocations allocations;

size_t LiveBlocks() {
  return Live().size();
}

}  // namespace shared_ws::test

extern "C" {

void* __real_realloc(void* block, size_t size);
void __real_free(void* block);

void* __wrap_realloc(void* block, size_t size) {
  using namespace shared_ws::test;
  allocations.calls++;
  allocations.largest = std::max(allocations.largest, size);
  if (size > allocations.refuse_above) return nullptr;
  Live().erase(block);
  void* moved = __real_realloc(block, size);
  Live().insert(moved);
  return moved;
}

void __wrap_free(void* block) {
  shared_ws::test::Live().erase(block);
  __real_free(block);
}
}
