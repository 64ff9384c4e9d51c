#include "core_allocations.h"

#include <algorithm>
#include <cstdlib>
#include <map>

namespace shared_ws::test {
namespace {

std::map<void*, size_t>& Live() {
  static std::map<void*, size_t> live;
  return live;
}

void Forget(void* block) {
  const auto found = Live().find(block);
  if (found == Live().end()) return;
  allocations.live_bytes -= static_cast<ptrdiff_t>(found->second);
  Live().erase(found);
}

bool IsRefused(size_t size) {
  const size_t call = allocations.calls++;
  allocations.largest = std::max(allocations.largest, size);
  return size > allocations.refuse_above || call >= allocations.refuse_call;
}

void* Count(void* before, void* block, size_t size) {
  Forget(before);
  Live()[block] = size;
  allocations.live_bytes += static_cast<ptrdiff_t>(size);
  allocations.peak_bytes = std::max(allocations.peak_bytes, allocations.live_bytes);
  return block;
}

}  // namespace

Allocations allocations;

size_t LiveBlocks() {
  return Live().size();
}

}  // namespace shared_ws::test

extern "C" {

void* __real_realloc(void* block, size_t size);
void* __real_malloc(size_t size);
void __real_free(void* block);

void* __wrap_realloc(void* block, size_t size) {
  using namespace shared_ws::test;
  return IsRefused(size) ? nullptr : Count(block, __real_realloc(block, size), size);
}

void* __wrap_malloc(size_t size) {
  using namespace shared_ws::test;
  return IsRefused(size) ? nullptr : Count(nullptr, __real_malloc(size), size);
}

void __wrap_free(void* block) {
  shared_ws::test::Forget(block);
  __real_free(block);
}
}
