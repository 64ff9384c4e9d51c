#include "binding/environment.h"

#include <cstring>

#include "binding/values.h"

namespace shared_ws {
namespace {

// Memory that JavaScript sees is V8's own, because TypeScript marks it untransferable: since Node 24 that
// gives an ArrayBuffer a detach key, and Node aborts the process when it detaches an external one without the
// key, which it does to those that are left when the environment ends.
uint8_t* Allocate(napi_env env, size_t size, napi_value* buffer) {
  void* bytes = nullptr;
  return napi_create_arraybuffer(env, size, &bytes, buffer) == napi_ok ? static_cast<uint8_t*>(bytes)
                                                                       : nullptr;
}

}  // namespace

Environment* Environment::Of(napi_env env) {
  void* data = nullptr;
  napi_get_instance_data(env, &data);
  return static_cast<Environment*>(data);
}

Link* Environment::FindLink(napi_env env, uint32_t id) {
  Loop* loop = Of(env)->loop_;
  return loop == nullptr ? nullptr : loop->Find(id);
}

Environment::~Environment() {
  if (memory_ != nullptr) memory_->Unreference();
}

napi_value Environment::Init(napi_value deliver) {
  if (loop_ != nullptr)
    return ThrowError(env_, "ERR_INTERNAL", "init() was called before in this environment");
  uv_loop_t* uv = nullptr;
  if (napi_get_uv_event_loop(env_, &uv) != napi_ok) {
    return ThrowError(env_, "ERR_INTERNAL", "this environment has no uv loop");
  }
  napi_value slab, control, scratch;
  uint8_t* slab_bytes = Allocate(env_, LoopMemory::kSlabBytes + kPaddingBytes, &slab);
  uint8_t* control_bytes = Allocate(env_, LoopMemory::kControlBytes, &control);
  uint8_t* scratch_bytes = Allocate(env_, LoopMemory::kScratchBytes, &scratch);
  if (slab_bytes != nullptr && control_bytes != nullptr && scratch_bytes != nullptr) {
    memory_ = LoopMemory::Over(slab_bytes, scratch_bytes, control_bytes);
  }
  if (memory_ == nullptr) return ThrowError(env_, "ERR_OUT_OF_MEMORY", "no memory for the slab");
  loop_ = Loop::Create(uv, memory_, this);
  if (loop_ == nullptr) return ThrowError(env_, "ERR_OUT_OF_MEMORY", "no memory for the loop");

  napi_value name;
  napi_create_string_utf8(env_, "shared-ws", NAPI_AUTO_LENGTH, &name);
  napi_async_init(env_, nullptr, name, &async_context_);
  napi_create_reference(env_, deliver, 1, &deliver_);
  // Asynchronous, because handles are gone only after their close callbacks: a synchronous hook that returned
  // earlier would let Node close a uv loop that still holds them. N-API itself is not used any more from here
  // on.
  napi_add_async_cleanup_hook(env_, OnCleanup, loop_, nullptr);
  return MemoryObject(slab, control, scratch);
}

void Environment::OnCleanup(napi_async_cleanup_hook_handle handle, void* loop) {
  static_cast<Loop*>(loop)->Shutdown(
      [](void* hook) { napi_remove_async_cleanup_hook(static_cast<napi_async_cleanup_hook_handle>(hook)); },
      handle);
}

napi_value Environment::MemoryObject(napi_value slab, napi_value control, napi_value scratch) {
  napi_value object, blocks;
  napi_create_object(env_, &object);
  napi_create_array(env_, &blocks);
  napi_create_reference(env_, blocks, 1, &blocks_);
  // Never given back: the loop writes until the environment is gone, and with it its heap.
  for (const napi_value buffer : {slab, control, scratch}) {
    napi_ref kept;
    napi_create_reference(env_, buffer, 1, &kept);
  }
  SetProperty(env_, object, "slab", slab);
  SetProperty(env_, object, "control", control);
  SetProperty(env_, object, "scratch", scratch);
  SetProperty(env_, object, "blocks", blocks);
  SetProperty(env_, object, "recordsOffset", NumberValue(env_, 0));
  SetProperty(env_, object, "countersOffset", NumberValue(env_, LoopMemory::kCountersOffset));
  SetProperty(env_, object, "epochOffset", NumberValue(env_, LoopMemory::kEpochOffsetOffset));
  SetProperty(env_, object, "maxRecords", NumberValue(env_, LoopMemory::kMaxRecords));
  SetProperty(env_, object, "maxLinks", NumberValue(env_, kMaxLinks));
  return object;
}

void Environment::Deliver(uint32_t record_count) {
  napi_handle_scope scope;
  if (napi_open_handle_scope(env_, &scope) != napi_ok) return;
  ExposeBlocks();
  napi_value deliver, receiver, count;
  napi_get_reference_value(env_, deliver_, &deliver);
  napi_get_global(env_, &receiver);
  napi_create_uint32(env_, record_count, &count);
  if (napi_make_callback(env_, async_context_, receiver, deliver, 1, &count, nullptr) ==
      napi_pending_exception) {
    // Swallowed otherwise. An environment that is being terminated has no exception to hand on.
    napi_value exception;
    if (napi_get_and_clear_last_exception(env_, &exception) == napi_ok) napi_fatal_exception(env_, exception);
  }
  Release();
  napi_close_handle_scope(env_, scope);
}

void Environment::ExposeBlocks() {
  std::vector<Bytes>& blocks = loop_->batch().blocks();
  if (blocks.empty() || exposed_blocks_ > 0) return;
  napi_value array;
  napi_get_reference_value(env_, blocks_, &array);
  for (Bytes& block : blocks) {
    napi_value buffer;
    uint8_t* copy = Allocate(env_, block.size(), &buffer);
    if (copy != nullptr)
      std::memcpy(copy, block.data(), block.size());
    else
      napi_get_null(env_, &buffer);
    block.Free();
    napi_set_element(env_, array, exposed_blocks_++, buffer);
  }
}

void Environment::Release() {
  if (exposed_blocks_ > 0) {
    napi_value array, none;
    napi_get_reference_value(env_, blocks_, &array);
    napi_create_uint32(env_, 0, &none);
    SetProperty(env_, array, "length", none);
    exposed_blocks_ = 0;
  }
  loop_->Release();
}

}  // namespace shared_ws
