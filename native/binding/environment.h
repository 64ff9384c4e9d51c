#pragma once

#include <node_api.h>

#include <vector>

#include "io/loop.h"

namespace shared_ws {

// What one Node environment (main thread or Worker) has of this addon: its loop, and the way into its
// JavaScript. It is N-API's instance data; the Loop outlives it when the environment goes, because handles
// close asynchronously.
class Environment final : public LoopClient {
 public:
  explicit Environment(napi_env env) : env_(env) {}
  ~Environment() override;

  // Creates the loop; `deliver` is a JavaScript function. Throws and returns null when that fails or was done
  // before.
  napi_value Init(napi_value deliver);
  Loop* loop() const { return loop_; }
  uint8_t* scratch() const { return memory_->scratch; }

  void Deliver(uint32_t record_count) override;
  // Copies the batch's large messages to where JavaScript finds them, in `blocks`. Before every delivery.
  void ExposeBlocks();
  // Gives the batch back; large messages are garbage from now on.
  void Release();

  static Environment* Of(napi_env env);
  // Null when there is no such link, or it has ended.
  static Link* FindLink(napi_env env, uint32_t id);

 private:
  static void OnCleanup(napi_async_cleanup_hook_handle handle, void* loop);
  napi_value MemoryObject(napi_value slab, napi_value control, napi_value scratch);

  napi_env env_;
  Loop* loop_ = nullptr;
  LoopMemory* memory_ = nullptr;
  napi_async_context async_context_ = nullptr;
  napi_ref deliver_ = nullptr;
  napi_ref blocks_ = nullptr;
  uint32_t exposed_blocks_ = 0;
};

}  // namespace shared_ws
