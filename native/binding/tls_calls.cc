#include <openssl/ssl.h>

#include "binding/environment.h"
#include "binding/exports.h"
#include "binding/values.h"
#include "io/link.h"
#include "io/tls_context.h"

namespace shared_ws {
namespace {

// Links that use the context hold references of their own (SSL_new takes one), so GC may come at any time.
void FreeContext(napi_env, void* context, void*) {
  SSL_CTX_free(static_cast<SSL_CTX*>(context));
}

void ReleaseSession(napi_env, void* session, void*) {
  SSL_SESSION_free(static_cast<SSL_SESSION*>(session));
}

napi_value CreateContext(napi_env env, napi_callback_info info) {
  const Arguments<1> arguments(env, info);
  TlsContextOptions options;
  const napi_value ca = GetProperty(env, arguments[0], "ca");
  uint32_t count = 0;
  napi_get_array_length(env, ca, &count);
  for (uint32_t i = 0; i < count; i++) {
    napi_value item;
    napi_get_element(env, ca, i, &item);
    options.ca.push_back(Arguments<1>::StringOf(env, item));
  }
  options.cert = GetString(env, arguments[0], "cert");
  options.key = GetString(env, arguments[0], "key");
  options.passphrase = GetString(env, arguments[0], "passphrase");
  options.min_version = GetString(env, arguments[0], "minVersion");
  options.max_version = GetString(env, arguments[0], "maxVersion");
  options.ciphers = GetString(env, arguments[0], "ciphers");
  options.verify = GetBoolean(env, arguments[0], "verify");
  options.key_log = GetBoolean(env, arguments[0], "keyLog");
  std::string error;
  SSL_CTX* context = CreateTlsContext(options, &error);
  if (context == nullptr) return ThrowError(env, "ERR_TLS_CONFIG", error.c_str());
  napi_value external;
  if (napi_create_external(env, context, FreeContext, nullptr, &external) != napi_ok) {
    SSL_CTX_free(context);
    return ThrowError(env, "ERR_INTERNAL", "no handle for the TLS context");
  }
  return external;
}

napi_value StartTls(napi_env env, napi_callback_info info) {
  const Arguments<3> arguments(env, info);
  void* context = nullptr;
  if (napi_get_value_external(env, arguments[1], &context) != napi_ok) {
    napi_throw_type_error(env, "ERR_INVALID_ARG_TYPE", "context must come from createTlsContext()");
    return nullptr;
  }
  Link* link = Environment::FindLink(env, arguments.Uint(0));
  if (link == nullptr) return nullptr;
  std::string error;
  TlsStart start;
  start.server_name = GetString(env, arguments[2], "serverName");
  start.verify_host = GetString(env, arguments[2], "verifyHost");
  void* session = nullptr;  // it stays null for undefined
  napi_get_value_external(env, GetProperty(env, arguments[2], "session"), &session);
  start.session = static_cast<const SSL_SESSION*>(session);
  start.keep_sessions = GetBoolean(env, arguments[2], "keepSessions");
  if (!link->StartTls(static_cast<SSL_CTX*>(context), start, &error)) {
    return ThrowError(env, "ERR_TLS_CONFIG", error.c_str());
  }
  return nullptr;
}

napi_value TlsInfo(napi_env env, napi_callback_info info) {
  const Arguments<1> arguments(env, info);
  Link* link = Environment::FindLink(env, arguments.Uint(0));
  if (link == nullptr || link->tls() == nullptr) return nullptr;
  const TlsStream& tls = *link->tls();
  napi_value object;
  napi_create_object(env, &object);
  SetProperty(env, object, "protocol", StringValue(env, tls.protocol()));
  SetProperty(env, object, "cipher", StringValue(env, tls.cipher()));
  SetProperty(env, object, "alpn", StringValue(env, tls.alpn()));
  SetProperty(env, object, "authorized", BooleanValue(env, !tls.verify_failed()));
  SetProperty(env, object, "sessionReused", BooleanValue(env, tls.session_reused()));
  return object;
}

napi_value TakeSessions(napi_env env, napi_callback_info info) {
  const Arguments<1> arguments(env, info);
  Link* link = Environment::FindLink(env, arguments.Uint(0));
  std::vector<TlsSession> sessions = link == nullptr ? std::vector<TlsSession>() : link->TakeSessions();
  napi_value list;
  napi_create_array(env, &list);
  uint32_t count = 0;
  for (TlsSession& session : sessions) {
    napi_value handle;
    if (napi_create_external(env, session.handle.get(), ReleaseSession, nullptr, &handle) != napi_ok) break;
    session.handle.release();
    napi_value object;
    napi_create_object(env, &object);
    SetProperty(env, object, "handle", handle);
    SetProperty(env, object, "byteLength", NumberValue(env, static_cast<double>(session.size)));
    SetProperty(env, object, "expiresAtMs", NumberValue(env, session.expires_at_ms));
    SetProperty(env, object, "singleUse", BooleanValue(env, session.single_use));
    napi_set_element(env, list, count++, object);
  }
  return list;
}

}  // namespace

void ExportTlsCalls(napi_env env, napi_value exports) {
  ExportFunction(env, exports, "createTlsContext", CreateContext);
  ExportFunction(env, exports, "startTls", StartTls);
  ExportFunction(env, exports, "tlsInfo", TlsInfo);
  ExportFunction(env, exports, "takeSessions", TakeSessions);
}

}  // namespace shared_ws
