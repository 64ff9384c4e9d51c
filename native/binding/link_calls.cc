// Calls that open, prepare and end links. All are cold.
#include <cerrno>
#include <cmath>

#include "binding/environment.h"
#include "binding/exports.h"
#include "binding/topic_handle.h"
#include "binding/values.h"
#include "io/clock.h"
#include "io/link.h"

namespace shared_ws {
namespace {

napi_value Init(napi_env env, napi_callback_info info) {
  const Arguments<1> arguments(env, info);
  return Environment::Of(env)->Init(arguments[0]);
}

napi_value Release(napi_env env, napi_callback_info) {
  Environment::Of(env)->Release();
  return nullptr;
}

napi_value MonoUs(napi_env env, napi_callback_info) {
  return NumberValue(env, MonotonicMicros());
}

napi_value LinkCount(napi_env env, napi_callback_info) {
  Loop* loop = Environment::Of(env)->loop();
  return NumberValue(env, loop == nullptr ? 0 : loop->link_count());
}

// What is not given is undefined, and reads as 0 or "": the system's choice.
SocketOptions SocketOptionsOf(napi_env env, napi_value given) {
  const auto number = [&](const char* name) { return static_cast<int>(GetNumber(env, given, name)); };
  const auto seconds = [&](const char* name) { return (number(name) + 999) / 1000; };
  SocketOptions options;
  options.no_delay = GetBoolean(env, given, "noDelay", true);
  options.keep_alive_idle_s = seconds("keepAliveIdleMs");
  options.keep_alive_interval_s = seconds("keepAliveIntervalMs");
  options.keep_alive_probes = number("keepAliveProbes");
  options.receive_buffer_bytes = number("receiveBufferBytes");
  options.send_buffer_bytes = number("sendBufferBytes");
  options.busy_poll_us = number("busyPollUs");
  options.user_timeout_ms = number("userTimeoutMs");
  options.local_address = GetString(env, given, "localAddress");
  return options;
}

TimestampSource TimestampSourceOf(const std::string& name) {
  if (name == "callback") return TimestampSource::kCallback;
  return name == "kernel" ? TimestampSource::kKernel : TimestampSource::kRead;
}

napi_value Open(napi_env env, napi_callback_info info) {
  const Arguments<1> arguments(env, info);
  LinkOptions options;
  options.address = GetString(env, arguments[0], "address");
  options.port = static_cast<uint16_t>(GetNumber(env, arguments[0], "port"));
  options.socket = SocketOptionsOf(env, GetProperty(env, arguments[0], "socket"));
  options.timestamps = TimestampSourceOf(GetString(env, arguments[0], "timestampSource"));
  options.max_link_bytes = static_cast<size_t>(GetNumber(env, arguments[0], "maxLinkBytes"));
  int error = 0;
  std::string refusal;
  const uint32_t id = Environment::Of(env)->loop()->Open(options, &error, &refusal);
  if (id != 0) return NumberValue(env, id);
  if (!refusal.empty()) return ThrowError(env, "ERR_SOCKET_OPTION", refusal.c_str());
  if (error == EINVAL) {
    napi_throw_range_error(env, "ERR_INVALID_ADDRESS", "address must be a literal IPv4 or IPv6 address");
  } else if (error == EMFILE) {
    napi_throw_range_error(env, "EMFILE", "too many open sockets (ulimit -n) or links (16384)");
  } else {
    napi_throw_error(env, uv_err_name(-error), uv_strerror(-error));
  }
  return nullptr;
}

napi_value WriteRaw(napi_env env, napi_callback_info info) {
  const Arguments<2> arguments(env, info);
  const uint8_t* data;
  size_t size;
  if (!arguments.Bytes(1, &data, &size)) return nullptr;
  Link* link = Environment::FindLink(env, arguments.Uint(0));
  return BooleanValue(env, link != nullptr && link->WriteRaw(data, size));
}

napi_value ReadMore(napi_env env, napi_callback_info info) {
  const Arguments<1> arguments(env, info);
  if (Link* link = Environment::FindLink(env, arguments.Uint(0))) link->ReadMore();
  return nullptr;
}

uint64_t LimitOf(napi_env env, napi_value limits, const char* name) {
  const double number = GetNumber(env, limits, name);
  return number >= 0x1p53 ? uint64_t{1} << 53 : static_cast<uint64_t>(number);
}

bool IsUndefined(napi_env env, napi_value value) {
  napi_valuetype type;
  return napi_typeof(env, value, &type) == napi_ok && type == napi_undefined;
}

DeflateOptions DeflateOf(napi_env env, napi_value object) {
  DeflateOptions deflate;
  deflate.server_no_context_takeover = GetBoolean(env, object, "serverNoContextTakeover");
  deflate.server_max_window_bits = static_cast<int>(GetNumber(env, object, "serverMaxWindowBits"));
  deflate.client_no_context_takeover = GetBoolean(env, object, "clientNoContextTakeover");
  deflate.client_max_window_bits = static_cast<int>(GetNumber(env, object, "clientMaxWindowBits"));
  const napi_value compress = GetProperty(env, object, "compress");
  if (IsUndefined(env, compress)) return deflate;
  deflate.compress.emplace();
  deflate.compress->threshold_bytes = static_cast<size_t>(LimitOf(env, compress, "thresholdBytes"));
  deflate.compress->level = static_cast<int>(GetNumber(env, compress, "level"));
  deflate.compress->mem_level = static_cast<int>(GetNumber(env, compress, "memLevel"));
  return deflate;
}

Extensions ExtensionsOf(napi_env env, napi_value options) {
  Extensions extensions;
  const napi_value deflate = GetProperty(env, options, "deflate");
  if (!IsUndefined(env, deflate)) extensions.deflate = DeflateOf(env, deflate);
  const std::string format = GetString(env, options, "inflateBinary");
  if (format == "gzip") extensions.inflate_binary = BinaryFormat::kGzip;
  if (format == "deflate") extensions.inflate_binary = BinaryFormat::kZlib;
  if (format == "deflate-raw") extensions.inflate_binary = BinaryFormat::kRawDeflate;
  return extensions;
}

napi_value StartWebSocket(napi_env env, napi_callback_info info) {
  const Arguments<3> arguments(env, info);
  Limits limits;
  limits.max_frame_bytes = LimitOf(env, arguments[1], "maxFrameBytes");
  limits.max_message_bytes = LimitOf(env, arguments[1], "maxMessageBytes");
  const Extensions extensions = ExtensionsOf(env, arguments[1]);
  const napi_value given = GetProperty(env, arguments[1], "topics");
  const TopicsHandle* topics = nullptr;
  if (!IsUndefined(env, given) && (topics = TopicsHandle::Of(env, given)) == nullptr) {
    napi_throw_type_error(env, "ERR_INVALID_ARG_TYPE", "topics must come from createTopics()");
    return nullptr;
  }
  const uint8_t* glued = nullptr;
  size_t size = 0;
  if (!IsUndefined(env, arguments[2]) && !arguments.Bytes(2, &glued, &size)) return nullptr;
  if (Link* link = Environment::FindLink(env, arguments.Uint(0))) {
    link->StartWebSocket(limits, extensions, glued, size, topics == nullptr ? nullptr : topics->topics());
  }
  return nullptr;
}

napi_value Destroy(napi_env env, napi_callback_info info) {
  const Arguments<2> arguments(env, info);
  if (Link* link = Environment::FindLink(env, arguments.Uint(0))) link->Destroy(arguments.Bool(1));
  return nullptr;
}

napi_value Pause(napi_env env, napi_callback_info info) {
  const Arguments<1> arguments(env, info);
  if (Link* link = Environment::FindLink(env, arguments.Uint(0))) link->Pause();
  return nullptr;
}

napi_value Resume(napi_env env, napi_callback_info info) {
  const Arguments<1> arguments(env, info);
  if (Link* link = Environment::FindLink(env, arguments.Uint(0))) link->Resume();
  return nullptr;
}

napi_value Drain(napi_env env, napi_callback_info info) {
  const Arguments<1> arguments(env, info);
  Environment* environment = Environment::Of(env);
  if (environment->loop() == nullptr) return NumberValue(env, 0);
  const int64_t count = environment->loop()->Drain(arguments.Uint(0));
  if (count > 0) environment->ExposeBlocks();
  return NumberValue(env, static_cast<double>(count));
}

napi_value AddressesOf(napi_env env, napi_callback_info info) {
  const Arguments<1> arguments(env, info);
  Link* link = Environment::FindLink(env, arguments.Uint(0));
  if (link == nullptr) return nullptr;
  const LinkAddresses addresses = link->Addresses();
  napi_value object;
  napi_create_object(env, &object);
  SetProperty(env, object, "localAddress", StringValue(env, addresses.local_address));
  SetProperty(env, object, "localPort", NumberValue(env, addresses.local_port));
  SetProperty(env, object, "remoteAddress", StringValue(env, addresses.remote_address));
  SetProperty(env, object, "remotePort", NumberValue(env, addresses.remote_port));
  return object;
}

}  // namespace

void ExportLinkCalls(napi_env env, napi_value exports) {
  ExportFunction(env, exports, "init", Init);
  ExportFunction(env, exports, "release", Release);
  ExportFunction(env, exports, "monoUs", MonoUs);
  ExportFunction(env, exports, "linkCount", LinkCount);
  ExportFunction(env, exports, "open", Open);
  ExportFunction(env, exports, "writeRaw", WriteRaw);
  ExportFunction(env, exports, "readMore", ReadMore);
  ExportFunction(env, exports, "startWebSocket", StartWebSocket);
  ExportFunction(env, exports, "destroy", Destroy);
  ExportFunction(env, exports, "pause", Pause);
  ExportFunction(env, exports, "resume", Resume);
  ExportFunction(env, exports, "drain", Drain);
  ExportFunction(env, exports, "addresses", AddressesOf);
}

}  // namespace shared_ws
