#include <node_api.h>
#include <openssl/opensslv.h>

#include <new>

#include "binding/environment.h"
#include "binding/exports.h"
#include "binding/values.h"
#include "core/mask.h"

namespace shared_ws {
namespace {

napi_value Start(napi_env env, napi_value exports) {
  auto* environment = new (std::nothrow) Environment(env);
  if (environment == nullptr) return ThrowError(env, "ERR_OUT_OF_MEMORY", "no memory for the addon");
  napi_set_instance_data(
      env, environment, [](napi_env, void* data, void*) { delete static_cast<Environment*>(data); }, nullptr);
  SetProperty(env, exports, "version", StringValue(env, SHARED_WS_VERSION));
  SetProperty(env, exports, "opensslVersion", StringValue(env, OPENSSL_FULL_VERSION_STR));
  SetProperty(env, exports, "simd", StringValue(env, SimdName()));
  ExportLinkCalls(env, exports);
  ExportFrameCalls(env, exports);
  ExportTlsCalls(env, exports);
  ExportTopicCalls(env, exports);
  return exports;
}

}  // namespace
}  // namespace shared_ws

// Context-aware: every environment that loads the addon gets exports and data of its own.
NAPI_MODULE_INIT() {
  return shared_ws::Start(env, exports);
}
