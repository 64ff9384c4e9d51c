// Calls per outbound frame: the hot ones. No JavaScript object is made here.
#include "binding/environment.h"
#include "binding/exports.h"
#include "binding/values.h"
#include "io/link.h"

namespace shared_ws {
namespace {

napi_value ResultOf(napi_env env, int64_t result) {
  return NumberValue(env, static_cast<double>(result));
}

struct StringSource {
  napi_env env;
  napi_value value;
  size_t capacity;
};

size_t WriteString(void* source, uint8_t* into) {
  const auto* string = static_cast<const StringSource*>(source);
  size_t size = 0;
  // N-API ends it with a NUL; Link reserves room behind every payload.
  napi_get_value_string_utf8(string->env, string->value, reinterpret_cast<char*>(into), string->capacity + 1,
                             &size);
  return size;
}

napi_value OfferText(napi_env env, napi_callback_info info) {
  const Arguments<3> arguments(env, info);
  size_t units = 0;
  if (napi_get_value_string_utf16(env, arguments[1], nullptr, 0, &units) != napi_ok) {
    napi_throw_type_error(env, "ERR_INVALID_ARG_TYPE", "text must be a string");
    return nullptr;
  }
  Link* link = Environment::FindLink(env, arguments.Uint(0));
  if (link == nullptr) return ResultOf(env, Link::kClosed);
  // A UTF-16 unit takes at most three bytes of UTF-8. Reserving that for a long string would be waste:
  // measure it.
  size_t capacity = units * 3;
  if (units > 16 * 1024) napi_get_value_string_utf8(env, arguments[1], nullptr, 0, &capacity);
  StringSource source{env, arguments[1], capacity};
  const size_t likely = units > 16 * 1024 ? capacity : units;
  return ResultOf(env, link->Offer(Opcode::kText, WriteString, &source, capacity, likely, arguments.Bool(2)));
}

napi_value OfferBytes(napi_env env, napi_callback_info info) {
  const Arguments<4> arguments(env, info);
  const uint8_t* data;
  size_t size;
  if (!arguments.Bytes(2, &data, &size)) return nullptr;
  Link* link = Environment::FindLink(env, arguments.Uint(0));
  if (link == nullptr) return ResultOf(env, Link::kClosed);
  const Opcode opcode = arguments.Uint(1) == 1 ? Opcode::kText : Opcode::kBinary;
  return ResultOf(env, link->OfferBytes(opcode, data, size, arguments.Bool(3)));
}

napi_value OfferScratch(napi_env env, napi_callback_info info) {
  const Arguments<4> arguments(env, info);
  Link* link = Environment::FindLink(env, arguments.Uint(0));
  if (link == nullptr) return ResultOf(env, Link::kClosed);
  const size_t size = arguments.Uint(2);
  if (size > LoopMemory::kScratchBytes) {
    napi_throw_range_error(env, "ERR_OUT_OF_RANGE", "length is larger than the scratch buffer");
    return nullptr;
  }
  const Opcode opcode = arguments.Uint(1) == 1 ? Opcode::kText : Opcode::kBinary;
  return ResultOf(env, link->OfferBytes(opcode, Environment::Of(env)->scratch(), size, arguments.Bool(3)));
}

napi_value Flush(napi_env env, napi_callback_info info) {
  const Arguments<1> arguments(env, info);
  if (Link* link = Environment::FindLink(env, arguments.Uint(0))) link->Flush();
  return nullptr;
}

napi_value Withdraw(napi_env env, napi_callback_info info) {
  const Arguments<2> arguments(env, info);
  Link* link = Environment::FindLink(env, arguments.Uint(0));
  // What offer() returned may be 0 or -1; a negative double has no value as an unsigned integer.
  const double sequence = arguments.Double(1);
  return BooleanValue(env,
                      link != nullptr && sequence >= 1 && link->Withdraw(static_cast<uint64_t>(sequence)));
}

napi_value SendControl(napi_env env, napi_callback_info info) {
  const Arguments<3> arguments(env, info);
  const uint8_t* data;
  size_t size;
  if (!arguments.Bytes(2, &data, &size)) return nullptr;
  if (size > kMaxControlPayloadBytes) {
    napi_throw_range_error(env, "ERR_OUT_OF_RANGE", "the payload of a control frame has at most 125 bytes");
    return nullptr;
  }
  Link* link = Environment::FindLink(env, arguments.Uint(0));
  if (link == nullptr) return ResultOf(env, Link::kClosed);
  const Opcode opcode =
      arguments.Uint(1) == static_cast<uint32_t>(Opcode::kPing) ? Opcode::kPing : Opcode::kPong;
  return ResultOf(env, link->SendControl(opcode, data, size));
}

napi_value Close(napi_env env, napi_callback_info info) {
  const Arguments<3> arguments(env, info);
  const std::string reason = arguments.String(2);
  if (reason.size() > kMaxControlPayloadBytes - 2) {
    napi_throw_range_error(env, "ERR_OUT_OF_RANGE", "the reason of a close frame has at most 123 bytes");
    return nullptr;
  }
  if (Link* link = Environment::FindLink(env, arguments.Uint(0))) {
    link->Close(static_cast<uint16_t>(arguments.Uint(1)), reinterpret_cast<const uint8_t*>(reason.data()),
                reason.size());
  }
  return nullptr;
}

}  // namespace

void ExportFrameCalls(napi_env env, napi_value exports) {
  ExportFunction(env, exports, "offerText", OfferText);
  ExportFunction(env, exports, "offerBytes", OfferBytes);
  ExportFunction(env, exports, "offerScratch", OfferScratch);
  ExportFunction(env, exports, "flush", Flush);
  ExportFunction(env, exports, "withdraw", Withdraw);
  ExportFunction(env, exports, "sendControl", SendControl);
  ExportFunction(env, exports, "close", Close);
}

}  // namespace shared_ws
