// Calls for the topics that a link follows. All are cold.
#include <cmath>
#include <cstring>
#include <new>

#include "binding/environment.h"
#include "binding/exports.h"
#include "binding/topic_handle.h"
#include "binding/values.h"

namespace shared_ws {
namespace {

// No list of a plan that makes sense is longer; what is wrong with shorter ones TopicProgram says.
constexpr uint32_t kMaxListLength = 64;

bool Refuse(napi_env env, const char* message) {
  bool pending = false;  // a getter may have thrown
  napi_is_exception_pending(env, &pending);
  if (!pending) napi_throw_type_error(env, "ERR_INVALID_ARG_TYPE", message);
  return false;
}

bool IsString(napi_env env, napi_value value) {
  napi_valuetype type;
  return napi_typeof(env, value, &type) == napi_ok && type == napi_string;
}

// Calls `take(item)` for each item, until it says no.
template <class Take>
bool EachOf(napi_env env, napi_value list, const char* what, Take take) {
  uint32_t length = 0;
  bool is_array = false;
  if (napi_is_array(env, list, &is_array) != napi_ok || !is_array ||
      napi_get_array_length(env, list, &length) != napi_ok || length > kMaxListLength) {
    return Refuse(env, what);
  }
  for (uint32_t i = 0; i < length; i++) {
    napi_value item;
    if (napi_get_element(env, list, i, &item) != napi_ok) return Refuse(env, what);
    if (!take(item)) return false;
  }
  return true;
}

bool TakePaths(napi_env env, napi_value list, TopicSource* source) {
  return EachOf(env, list, "paths must be an array of paths", [&](napi_value path) {
    std::vector<std::string>& elements = source->paths.emplace_back();
    return EachOf(env, path, "a path must be an array of keys", [&](napi_value element) {
      if (!IsString(env, element)) return Refuse(env, "a key of a path must be a string");
      elements.push_back(Arguments<1>::StringOf(env, element));
      return true;
    });
  });
}

bool PathIndex(napi_env env, napi_value value, size_t* index) {
  double number = 0;
  if (napi_get_value_double(env, value, &number) != napi_ok || !(number >= 0 && number < kMaxListLength) ||
      number != std::floor(number)) {
    return Refuse(env, "the number of a path must be one of its list");
  }
  *index = static_cast<size_t>(number);
  return true;
}

bool TakeKey(napi_env env, napi_value list, TopicSource* source) {
  return EachOf(env, list, "key must be an array of strings and numbers", [&](napi_value item) {
    TopicSource::Part& part = source->key.emplace_back();
    if (IsString(env, item)) {
      part.literal = Arguments<1>::StringOf(env, item);
      return true;
    }
    return PathIndex(env, item, &part.path.emplace());
  });
}

bool IsThere(napi_env env, napi_value object, const char* name, napi_value* value) {
  napi_valuetype type = napi_undefined;
  return napi_get_named_property(env, object, name, value) == napi_ok &&
         napi_typeof(env, *value, &type) == napi_ok && type != napi_undefined;
}

bool TakeConditions(napi_env env, napi_value list, TopicSource* source) {
  return EachOf(env, list, "when must be an array of conditions", [&](napi_value item) {
    TopicSource::Condition& condition = source->when.emplace_back();
    napi_value path, operand;
    if (!IsThere(env, item, "path", &path)) return Refuse(env, "a condition must have a path");
    if (!PathIndex(env, path, &condition.path)) return false;
    if (IsThere(env, item, "is", &operand)) {
      condition.kind = TopicSource::Condition::kIs;
    } else if (IsThere(env, item, "not", &operand)) {
      condition.kind = TopicSource::Condition::kIsNot;
    } else {
      return true;
    }
    if (!IsString(env, operand)) return Refuse(env, "what a condition compares with must be a string");
    condition.operand = Arguments<1>::StringOf(env, operand);
    return true;
  });
}

napi_value CreateTopics(napi_env env, napi_callback_info info) {
  const Arguments<1> arguments(env, info);
  Loop* loop = Environment::Of(env)->loop();
  if (loop == nullptr) return ThrowError(env, "ERR_INTERNAL", "init() comes first");
  TopicSource source;
  napi_value paths, key, when;
  if (!IsThere(env, arguments[0], "paths", &paths) || !IsThere(env, arguments[0], "key", &key) ||
      !IsThere(env, arguments[0], "when", &when)) {
    Refuse(env, "a plan must have paths, key and when");
    return nullptr;
  }
  if (!TakePaths(env, paths, &source) || !TakeKey(env, key, &source) || !TakeConditions(env, when, &source)) {
    return nullptr;
  }
  const char* error = nullptr;
  Topics* topics = Topics::Create(source, loop->entropy(), &error);
  if (topics == nullptr) {
    napi_throw_range_error(env, "ERR_OUT_OF_RANGE", error);
    return nullptr;
  }
  return TopicsHandle::Make(env, TopicsReference(topics));
}

// The handle that the first argument is, or null with a TypeError pending.
TopicsHandle* HandleArgument(napi_env env, napi_value value) {
  TopicsHandle* handle = TopicsHandle::Of(env, value);
  if (handle == nullptr) Refuse(env, "topics must come from createTopics()");
  return handle;
}

// 0, which is nobody's, for what is no number of a topic.
uint32_t NumberOfTopic(double number) {
  if (!(number >= 0 && number <= UINT32_MAX) || number != std::floor(number)) return 0;
  return static_cast<uint32_t>(number);
}

napi_value WatchTopic(napi_env env, napi_callback_info info) {
  const Arguments<2> arguments(env, info);
  TopicsHandle* handle = HandleArgument(env, arguments[0]);
  if (handle == nullptr) return nullptr;
  if (!IsString(env, arguments[1])) {
    Refuse(env, "a topic must be a string");
    return nullptr;
  }
  const uint32_t topic = handle->table().Watch(arguments.String(1));
  handle->TellMemory(env);
  return NumberValue(env, topic);
}

napi_value UnwatchTopic(napi_env env, napi_callback_info info) {
  const Arguments<2> arguments(env, info);
  TopicsHandle* handle = HandleArgument(env, arguments[0]);
  if (handle != nullptr) handle->table().Unwatch(NumberOfTopic(arguments.Double(1)));
  return nullptr;
}

napi_value ArmTopic(napi_env env, napi_callback_info info) {
  const Arguments<2> arguments(env, info);
  TopicsHandle* handle = HandleArgument(env, arguments[0]);
  if (handle != nullptr) handle->table().Arm(NumberOfTopic(arguments.Double(1)));
  return nullptr;
}

napi_value TopicSeenUs(napi_env env, napi_callback_info info) {
  const Arguments<2> arguments(env, info);
  TopicsHandle* handle = HandleArgument(env, arguments[0]);
  if (handle == nullptr) return nullptr;
  return NumberValue(env, handle->table().SeenUs(NumberOfTopic(arguments.Double(1))));
}

}  // namespace

napi_value TopicsHandle::Make(napi_env env, TopicsReference topics) {
  auto* handle = new (std::nothrow) TopicsHandle(std::move(topics));
  if (handle == nullptr) return ThrowError(env, "ERR_OUT_OF_MEMORY", "no memory for the topics");
  const auto free = [](napi_env env_, void* data, void*) {
    auto* freed = static_cast<TopicsHandle*>(data);
    int64_t total;
    napi_adjust_external_memory(env_, -freed->told_bytes_, &total);
    delete freed;
  };
  napi_value external;
  if (napi_create_external(env, handle, free, nullptr, &external) == napi_ok) return external;
  delete handle;
  return ThrowError(env, "ERR_INTERNAL", "no handle for the topics");
}

TopicsHandle* TopicsHandle::Of(napi_env env, napi_value value) {
  napi_valuetype type;
  void* data = nullptr;
  if (napi_typeof(env, value, &type) != napi_ok || type != napi_external ||
      napi_get_value_external(env, value, &data) != napi_ok || data == nullptr) {
    return nullptr;
  }
  // Other handles of the addon are externals too.
  uint64_t mark;
  std::memcpy(&mark, data, sizeof mark);
  return mark == kMark ? static_cast<TopicsHandle*>(data) : nullptr;
}

void TopicsHandle::TellMemory(napi_env env) {
  const auto bytes = static_cast<int64_t>(topics_->table().memory_bytes());
  int64_t total;
  napi_adjust_external_memory(env, bytes - told_bytes_, &total);
  told_bytes_ = bytes;
}

void ExportTopicCalls(napi_env env, napi_value exports) {
  ExportFunction(env, exports, "createTopics", CreateTopics);
  ExportFunction(env, exports, "watchTopic", WatchTopic);
  ExportFunction(env, exports, "unwatchTopic", UnwatchTopic);
  ExportFunction(env, exports, "armTopic", ArmTopic);
  ExportFunction(env, exports, "topicSeenUs", TopicSeenUs);
}

}  // namespace shared_ws
