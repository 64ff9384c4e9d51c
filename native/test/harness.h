#pragma once

#include <sstream>
#include <string>
#include <type_traits>

// A test is TEST(name) { … CHECK(…); … }. A failed check is printed with its file and line and fails the
// test; the test goes on (so checks may stand in callbacks and loops), but prints only its first failures.
// REQUIRE also leaves the function.
namespace shared_ws::test {

struct Test {
  Test(const char* file, const char* name, void (*run)());
  const char* file;
  const char* name;
  void (*run)();
  Test* next = nullptr;
};

// Counts a failure of the running test.
void Fail(const char* file, int line, const std::string& what);

template <class T>
std::string Show(const T& value) {
  std::ostringstream out;
  if constexpr (std::is_enum_v<T>) {
    out << static_cast<long long>(value);
  } else if constexpr (std::is_same_v<T, unsigned char>) {
    out << static_cast<int>(value);
  } else {
    out << std::boolalpha << value;
  }
  return out.str();
}

// `context` says which round of a loop it was; it is asked only when the check has failed.
template <class Actual, class Expected, class Context>
bool CheckEqual(const char* file, int line, const char* text, const Actual& actual, const Expected& expected,
                Context context) {
  if (actual == expected) return true;
  std::string what =
      std::string(text) + "\n    got      " + Show(actual) + "\n    expected " + Show(expected);
  if (const std::string at = context(); !at.empty()) what += "\n    at       " + at;
  Fail(file, line, what);
  return false;
}

template <class Context>
bool CheckTrue(const char* file, int line, const char* text, bool holds, Context context) {
  if (holds) return true;
  const std::string at = context();
  Fail(file, line, at.empty() ? text : std::string(text) + "\n    at       " + at);
  return false;
}

}  // namespace shared_ws::test

#define TEST(name)                                                              \
  static void Test_##name();                                                    \
  static shared_ws::test::Test registered_##name(__FILE__, #name, Test_##name); \
  static void Test_##name()

// The arguments after the check, if any, make a std::string: its context.
#define CONTEXT(...) [&]() -> std::string { return std::string(__VA_ARGS__); }
#define CHECK(condition, ...)                                                              \
  shared_ws::test::CheckTrue(__FILE__, __LINE__, #condition, static_cast<bool>(condition), \
                             CONTEXT(__VA_ARGS__))
#define CHECK_EQ(actual, expected, ...)                                                       \
  shared_ws::test::CheckEqual(__FILE__, __LINE__, #actual " == " #expected, actual, expected, \
                              CONTEXT(__VA_ARGS__))
#define REQUIRE(condition, ...) \
  if (!CHECK(condition __VA_OPT__(, ) __VA_ARGS__)) return
