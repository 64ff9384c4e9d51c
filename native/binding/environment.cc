#include "binding/environment.h"

#include <cstdlib>
#include <new>

#include "binding/values.h"

namespace shared_ws {
namespace {

void DropMemory(napi_env, void*, void* memory) {
  static_cast<LoopMemory*>(memory)->Unreference();
}

napi_value Expose(napi_env env, LoopMemory* memory, uint8_t* bytes, size_t size) {
  napi_value buffer;
  memory->AddReference();
  if (napi_create_external_arraybuffer(env, bytes, size, DropMemory, memory, &buffer) == napi_ok)
    return buffer;
  memory->Unreference();
  return nullptr;
}

void FreeBlock(napi_env, void* data, void*) {
  std::free(data);
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
  memory_ = LoopMemory::Create();
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
  return MemoryObject();
}

void Environment::OnCleanup(napi_async_cleanup_hook_handle handle, void* loop) {
  static_cast<Loop*>(loop)->Shutdown(
      [](void* hook) { napi_remove_async_cleanup_hook(static_cast<napi_async_cleanup_hook_handle>(hook)); },
      handle);
}

napi_value Environment::MemoryObject() {
  napi_value object, blocks;
  napi_create_object(env_, &object);
  napi_create_array(env_, &blocks);
  napi_create_reference(env_, blocks, 1, &blocks_);
  const napi_value slab = Expose(env_, memory_, memory_->slab, LoopMemory::kSlabBytes);
  const napi_value control = Expose(env_, memory_, memory_->control, LoopMemory::kControlBytes);
  const napi_value scratch = Expose(env_, memory_, memory_->scratch, LoopMemory::kScratchBytes);
  if (slab == nullptr || control == nullptr || scratch == nullptr) {
    return ThrowError(env_, "ERR_INTERNAL", "this runtime does not allow external ArrayBuffers");
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
    const size_t size = block.size();
    uint8_t* bytes = block.Release();
    napi_value buffer;
    if (napi_create_external_arraybuffer(env_, bytes, size, FreeBlock, nullptr, &buffer) != napi_ok) {
      std::free(bytes);
      napi_get_null(env_, &buffer);
    }
    napi_set_element(env_, array, exposed_blocks_++, buffer);
  }
}

void Environment::Release() {
  if (exposed_blocks_ > 0) {
    napi_value array, none;
    napi_get_reference_value(env_, blocks_, &array);
    for (uint32_t i = 0; i < exposed_blocks_; i++) {
      napi_value buffer;
      if (napi_get_element(env_, array, i, &buffer) == napi_ok) napi_detach_arraybuffer(env_, buffer);
    }
    napi_create_uint32(env_, 0, &none);
    SetProperty(env_, array, "length", none);
    exposed_blocks_ = 0;
  }
  loop_->Release();
}

}  // namespace shared_ws
