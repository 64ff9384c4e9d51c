// What C++ without exceptions needs of its runtime: memory, and a place where failed checks of containers
// end.
//
// The versions in libstdc++ throw. Linked statically they bring the unwinder with them, and with it symbols
// of glibc 2.32 to 2.35, on which the addon would not load where Node itself does (glibc 2.28). These bring
// nothing. The package test reads the binary's symbols and fails when that comes undone.
#include <cstdlib>
#include <new>

#if defined(__GLIBCXX__)

namespace {

void* AllocateOrAbort(std::size_t bytes) {
  void* block = std::malloc(bytes > 0 ? bytes : 1);
  if (block == nullptr) std::abort();
  return block;
}

}  // namespace

void* operator new(std::size_t bytes) {
  return AllocateOrAbort(bytes);
}
void* operator new[](std::size_t bytes) {
  return AllocateOrAbort(bytes);
}
void* operator new(std::size_t bytes, const std::nothrow_t&) noexcept {
  return std::malloc(bytes > 0 ? bytes : 1);
}
void* operator new[](std::size_t bytes, const std::nothrow_t&) noexcept {
  return std::malloc(bytes > 0 ? bytes : 1);
}
void operator delete(void* block) noexcept {
  std::free(block);
}
void operator delete[](void* block) noexcept {
  std::free(block);
}
void operator delete(void* block, std::size_t) noexcept {
  std::free(block);
}
void operator delete[](void* block, std::size_t) noexcept {
  std::free(block);
}
void operator delete(void* block, const std::nothrow_t&) noexcept {
  std::free(block);
}
void operator delete[](void* block, const std::nothrow_t&) noexcept {
  std::free(block);
}

// The vtable entry of a pure virtual function.
extern "C" void __cxa_pure_virtual() {
  std::abort();
}

namespace std {

void __throw_bad_alloc() {
  abort();
}
void __throw_bad_array_new_length() {
  abort();
}
void __throw_bad_function_call() {
  abort();
}
void __throw_invalid_argument(const char*) {
  abort();
}
void __throw_length_error(const char*) {
  abort();
}
void __throw_logic_error(const char*) {
  abort();
}
void __throw_out_of_range(const char*) {
  abort();
}
void __throw_out_of_range_fmt(const char*, ...) {
  abort();
}

}  // namespace std

#endif
