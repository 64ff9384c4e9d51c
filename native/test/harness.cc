#include "harness.h"

#include <cstdio>
#include <cstring>

namespace shared_ws::test {
namespace {

constexpr int kPrintedPerTest = 3;

Test* first = nullptr;
Test** last = &first;
int failures = 0;  // of the running test

const char* BaseName(const char* path) {
  const char* slash = std::strrchr(path, '/');
  return slash == nullptr ? path : slash + 1;
}

}  // namespace

Test::Test(const char* file, const char* name, void (*run)()) : file(file), name(name), run(run) {
  *last = this;
  last = &next;
}

void Fail(const char* file, int line, const std::string& what) {
  if (failures++ < kPrintedPerTest) std::printf("  %s:%d: %s\n", file, line, what.c_str());
}

}  // namespace shared_ws::test

// Arguments: parts of test or file names; only tests that contain one of them run. Without any, all do. The
// last line is read by scripts/test-native.mjs.
int main(int argc, char** argv) {
  using namespace shared_ws::test;
  int passed = 0, failed = 0;
  for (Test* test = first; test != nullptr; test = test->next) {
    bool wanted = argc < 2;
    for (int i = 1; i < argc; i++)
      wanted |= std::strstr(test->name, argv[i]) || std::strstr(test->file, argv[i]);
    if (!wanted) continue;
    failures = 0;
    test->run();
    if (failures == 0) {
      passed++;
    } else {
      failed++;
      if (failures > kPrintedPerTest) std::printf("  … and %d more\n", failures - kPrintedPerTest);
      std::printf("FAILED %s (%s)\n", test->name, BaseName(test->file));
    }
    std::fflush(stdout);
  }
  std::printf("%d passed, %d failed\n", passed, failed);
  return failed > 0 ? 1 : 0;
}
