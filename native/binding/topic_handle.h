#pragma once

#include <node_api.h>

#include "io/topics.h"

namespace shared_ws {

// What JavaScript holds of a Topics: a reference, given up by GC. Takes over the one that `topics` came with.
napi_value TopicsHandle(napi_env env, Topics* topics);

// Null for a value that is no such handle; nothing is thrown then.
Topics* TopicsOf(napi_env env, napi_value value);

}  // namespace shared_ws
