#pragma once

#include <node_api.h>

namespace shared_ws {

// Each adds its functions to the addon's exports. src/native/addon.ts documents them.
void ExportLinkCalls(napi_env env, napi_value exports);
void ExportFrameCalls(napi_env env, napi_value exports);
void ExportTlsCalls(napi_env env, napi_value exports);
void ExportTopicCalls(napi_env env, napi_value exports);

inline void ExportFunction(napi_env env, napi_value exports, const char* name, napi_callback callback) {
  napi_value function;
  napi_create_function(env, name, NAPI_AUTO_LENGTH, callback, nullptr, &function);
  napi_set_named_property(env, exports, name, function);
}

}  // namespace shared_ws
