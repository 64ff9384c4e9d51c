#pragma once

#include <node_api.h>

#include <cstdint>
#include <string>

// Small helpers between JavaScript values and C++. Hot calls read their arguments with these too, so none
// allocates except for strings.
namespace shared_ws {

inline napi_value ThrowError(napi_env env, const char* code, const char* message) {
  napi_throw_error(env, code, message);
  return nullptr;
}

inline napi_value NumberValue(napi_env env, double number) {
  napi_value value = nullptr;
  napi_create_double(env, number, &value);
  return value;
}

inline napi_value BooleanValue(napi_env env, bool boolean) {
  napi_value value = nullptr;
  napi_get_boolean(env, boolean, &value);
  return value;
}

inline napi_value StringValue(napi_env env, const std::string& text) {
  napi_value value = nullptr;
  napi_create_string_utf8(env, text.data(), text.size(), &value);
  return value;
}

inline void SetProperty(napi_env env, napi_value object, const char* name, napi_value value) {
  napi_set_named_property(env, object, name, value);
}

// The arguments of one call. Missing ones are undefined.
template <size_t kCount>
class Arguments {
 public:
  Arguments(napi_env env, napi_callback_info info) : env_(env) {
    size_t count = kCount;
    napi_get_cb_info(env, info, &count, values_, nullptr, nullptr);
  }
  napi_value operator[](size_t index) const { return values_[index]; }

  uint32_t Uint(size_t index) const {
    uint32_t number = 0;
    napi_get_value_uint32(env_, values_[index], &number);
    return number;
  }
  double Double(size_t index) const {
    double number = 0;
    napi_get_value_double(env_, values_[index], &number);
    return number;
  }
  bool Bool(size_t index) const {
    bool boolean = false;
    napi_get_value_bool(env_, values_[index], &boolean);
    return boolean;
  }
  std::string String(size_t index) const { return StringOf(env_, values_[index]); }

  // The bytes of a Uint8Array (Buffer included); valid until JavaScript runs again. False, with a TypeError
  // pending, for anything else.
  bool Bytes(size_t index, const uint8_t** data, size_t* size) const {
    napi_typedarray_type type;
    void* start = nullptr;
    if (napi_get_typedarray_info(env_, values_[index], &type, size, &start, nullptr, nullptr) != napi_ok ||
        type != napi_uint8_array) {
      napi_throw_type_error(env_, "ERR_INVALID_ARG_TYPE", "bytes must be a Uint8Array");
      return false;
    }
    *data = static_cast<const uint8_t*>(start);
    return true;
  }

  // "" for what is not a string.
  static std::string StringOf(napi_env env, napi_value value) {
    size_t size = 0;
    if (napi_get_value_string_utf8(env, value, nullptr, 0, &size) != napi_ok) return {};
    std::string text(size, '\0');
    napi_get_value_string_utf8(env, value, text.data(), size + 1, &size);
    return text;
  }

 private:
  napi_env env_;
  napi_value values_[kCount];
};

inline napi_value GetProperty(napi_env env, napi_value object, const char* name) {
  napi_value value = nullptr;
  napi_get_named_property(env, object, name, &value);
  return value;
}

inline std::string GetString(napi_env env, napi_value object, const char* name) {
  return Arguments<1>::StringOf(env, GetProperty(env, object, name));
}

inline double GetNumber(napi_env env, napi_value object, const char* name) {
  double number = 0;
  napi_get_value_double(env, GetProperty(env, object, name), &number);
  return number;
}

inline bool GetBoolean(napi_env env, napi_value object, const char* name, bool otherwise = false) {
  bool boolean = otherwise;
  napi_get_value_bool(env, GetProperty(env, object, name), &boolean);
  return boolean;
}

}  // namespace shared_ws
