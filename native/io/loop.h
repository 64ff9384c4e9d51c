#pragma once

#include <uv.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "core/bytes.h"
#include "io/batch.h"
#include "io/entropy.h"

namespace shared_ws {

class Link;
struct LinkOptions;

// Receives a loop's batches. Deliver() must end with Loop::Release(); if it does not, the loop does it.
class LoopClient {
 public:
  virtual ~LoopClient() = default;
  virtual void Deliver(uint32_t record_count) = 0;
};

// What the links of one uv loop share: read buffer, slab, records, mask keys, and the rhythm of delivery. In
// one turn of the uv loop every ready link reads into the slab (poll phase); then one Deliver() hands
// everything over (check phase). Lives on, and is only touched by, the thread that runs the uv loop.
class Loop {
 public:
  // Reading stops at this many bytes per link and turn, so that one busy link leaves room for others.
  static constexpr size_t kMaxReadBytes = 128 * 1024;
  // A larger encode buffer is given back after use.
  static constexpr size_t kMaxKeptEncodeBytes = 256 * 1024;

  // Null when memory or handles are not to be had. `memory` keeps its own reference.
  static Loop* Create(uv_loop_t* uv, LoopMemory* memory, LoopClient* client);

  // Ends every link, closes every handle, then deletes itself and calls `done(argument)`. The client is not
  // called any more from now on. Must be called exactly once.
  void Shutdown(void (*done)(void* argument), void* argument);

  // Id of a new link that is connecting, or 0 and an errno-like number in `error`. ENOPROTOOPT: an option of
  // the socket was refused; `refusal` says which, and why.
  uint32_t Open(const LinkOptions& options, int* error, std::string* refusal);
  // Null when there is no such link, or it has ended.
  Link* Find(uint32_t id) {
    Link* link = slots_[id % kMaxLinks];
    return link != nullptr && IsLive(link, id) ? link : nullptr;
  }
  uint32_t link_count() const { return link_count_; }

  // Gives the records and the slab back. Does nothing while none are out: what was added since is kept.
  void Release();
  // Reads what one link's socket holds now. Records waiting for delivery, or -1 while a batch is out.
  int64_t Drain(uint32_t id);

  // For links.
  uv_loop_t* uv() const { return uv_; }
  Batch& batch() { return batch_; }
  bool batch_is_out() const { return batch_is_out_; }
  LinkCounters& counters(uint32_t id) { return memory_->counters[id % kMaxLinks]; }
  uint8_t* scratch() { return memory_->scratch; }
  uint8_t* cipher_input() { return cipher_input_.get(); }
  // Lent to the link that is sealing records; empty-handed while a link keeps it.
  Bytes& cipher_output() { return cipher_output_; }
  Bytes& encode_buffer() { return encode_buffer_; }
  Bytes& deflate_buffer() { return deflate_buffer_; }
  Entropy& entropy() { return entropy_; }
  // Calls link->Continue() in the next turn, without waiting for its socket.
  void Rearm(uint32_t id);
  // The same, before all that Rearm() named: for links that found the batch full, in the order they came.
  void RearmFirst(uint32_t id);
  // The next turn comes without waiting for an event: something was put into the batch outside of a turn.
  void WakeNextTurn();
  // Calls link->AfterBatch() when the batch that is being filled has been delivered.
  void AfterBatch(uint32_t id);
  void Forget(Link* link);  // from the link's close callback; deletes it

 private:
  Loop(uv_loop_t* uv, LoopMemory* memory, LoopClient* client);
  ~Loop();

  static bool IsLive(const Link* link, uint32_t id);
  static void OnCheck(uv_check_t* handle);
  static void OnIdle(uv_idle_t* handle);
  static void OnHandleClosed(uv_handle_t* handle);
  void StopIdling();
  void ContinueRearmed();
  void HandOut();
  void StampDelivery();
  void FinishBatch();
  void DeleteWhenClosed();

  uv_loop_t* uv_;
  LoopMemory* memory_;
  LoopClient* client_;
  Batch batch_;
  Entropy entropy_;
  std::unique_ptr<uint8_t[]> cipher_input_;
  Bytes cipher_output_;
  Bytes encode_buffer_;
  Bytes deflate_buffer_;
  uv_check_t check_;  // after polling: deliver
  uv_idle_t idle_;    // active while a link must go on without an event of its socket
  bool idle_active_ = false;
  bool batch_is_out_ = false;
  std::vector<uint32_t> first_;
  std::vector<uint32_t> rearmed_;
  std::vector<uint32_t> continuing_;
  std::vector<uint32_t> after_batch_;
  std::vector<uint32_t> finishing_;
  std::vector<Link*> slots_;
  std::vector<uint32_t> free_slots_;
  std::vector<uint32_t> generations_;
  uint32_t next_slot_ = 0;
  uint32_t link_count_ = 0;
  uint32_t delivery_stamped_links_ = 0;
  int open_handles_ = 0;
  bool shutting_down_ = false;
  void (*shutdown_done_)(void*) = nullptr;
  void* shutdown_argument_ = nullptr;
};

}  // namespace shared_ws
