#include "io/loop.h"

#include <cerrno>
#include <new>

#include "io/clock.h"
#include "io/link.h"

namespace shared_ws {

Loop::Loop(uv_loop_t* uv, LoopMemory* memory, LoopClient* client)
    : uv_(uv), memory_(memory), client_(client), batch_(memory) {
  memory_->AddReference();
  slots_.assign(kMaxLinks, nullptr);
}

Loop::~Loop() {
  memory_->Unreference();
}

Loop* Loop::Create(uv_loop_t* uv, LoopMemory* memory, LoopClient* client) {
  auto* loop = new (std::nothrow) Loop(uv, memory, client);
  if (loop == nullptr) return nullptr;
  loop->cipher_input_.reset(new (std::nothrow) uint8_t[kMaxReadBytes]);
  if (loop->cipher_input_ == nullptr) {
    delete loop;
    return nullptr;
  }
  // Neither can fail: they only set up memory.
  uv_check_init(uv, &loop->check_);
  uv_idle_init(uv, &loop->idle_);
  loop->check_.data = loop->idle_.data = loop;
  loop->open_handles_ = 2;
  uv_check_start(&loop->check_, OnCheck);
  // A loop without links must not keep the process alive; links do, by their own handles.
  uv_unref(reinterpret_cast<uv_handle_t*>(&loop->check_));
  return loop;
}

void Loop::Shutdown(void (*done)(void*), void* argument) {
  client_ = nullptr;
  shutting_down_ = true;
  shutdown_done_ = done;
  shutdown_argument_ = argument;
  for (Link* link : slots_) {
    if (link != nullptr) link->Destroy(false);
  }
  uv_close(reinterpret_cast<uv_handle_t*>(&check_), OnHandleClosed);
  uv_close(reinterpret_cast<uv_handle_t*>(&idle_), OnHandleClosed);
}

void Loop::OnHandleClosed(uv_handle_t* handle) {
  auto* loop = static_cast<Loop*>(handle->data);
  loop->open_handles_--;
  loop->DeleteWhenClosed();
}

void Loop::DeleteWhenClosed() {
  if (!shutting_down_ || open_handles_ > 0 || link_count_ > 0) return;
  auto* done = shutdown_done_;
  void* argument = shutdown_argument_;
  delete this;
  done(argument);
}

bool Loop::IsLive(const Link* link, uint32_t id) {
  return link->id() == id && !link->ended();
}

uint32_t Loop::Open(const LinkOptions& options, int* error, std::string* refusal) {
  uint32_t slot;
  if (!free_slots_.empty()) {
    slot = free_slots_.back();
    free_slots_.pop_back();
  } else if (next_slot_ < kMaxLinks) {
    slot = next_slot_++;
    generations_.push_back(0);
  } else {
    *error = EMFILE;
    return 0;
  }
  // Generation 0 is never used, so an id is never 0.
  uint32_t generation = generations_[slot] + 1;
  if (generation > UINT32_MAX / kMaxLinks) generation = 1;
  generations_[slot] = generation;
  const uint32_t id = generation * kMaxLinks + slot;
  memory_->counters[slot] = LinkCounters{};
  Link* link = Link::Open(this, id, options, error, refusal);
  if (link == nullptr) {
    free_slots_.push_back(slot);
    return 0;
  }
  slots_[slot] = link;
  link_count_++;
  if (link->is_delivery_stamped()) delivery_stamped_links_++;
  return id;
}

void Loop::Forget(Link* link) {
  const uint32_t slot = link->id() % kMaxLinks;
  slots_[slot] = nullptr;
  free_slots_.push_back(slot);
  link_count_--;
  if (link->is_delivery_stamped()) delivery_stamped_links_--;
  delete link;
  DeleteWhenClosed();
}

void Loop::WakeNextTurn() {
  if (idle_active_ || shutting_down_) return;
  idle_active_ = true;
  uv_idle_start(&idle_, OnIdle);
}

void Loop::Rearm(uint32_t id) {
  rearmed_.push_back(id);
  WakeNextTurn();
}

void Loop::AfterBatch(uint32_t id) {
  after_batch_.push_back(id);
  WakeNextTurn();
}

void Loop::RearmFirst(uint32_t id) {
  first_.push_back(id);
  WakeNextTurn();
}

// Runs before polling, which does not block while this handle is active: so it stays active until the check
// phase, where what it brought about is delivered.
void Loop::OnIdle(uv_idle_t* handle) {
  static_cast<Loop*>(handle->data)->ContinueRearmed();
}

void Loop::StopIdling() {
  if (!idle_active_ || batch_.count() > 0) return;
  if (!first_.empty() || !rearmed_.empty() || !after_batch_.empty()) return;
  idle_active_ = false;
  uv_idle_stop(&idle_);
}

void Loop::ContinueRearmed() {
  // Links may rearm themselves for the turn after this one. A link that reads again while others wait for
  // room would leave them without it for ever.
  continuing_.swap(first_);
  continuing_.insert(continuing_.end(), rearmed_.begin(), rearmed_.end());
  rearmed_.clear();
  for (uint32_t id : continuing_) {
    if (Link* link = Find(id)) link->Continue();
  }
  continuing_.clear();
}

void Loop::OnCheck(uv_check_t* handle) {
  auto* loop = static_cast<Loop*>(handle->data);
  if (loop->batch_.count() > 0 && loop->client_ != nullptr) {
    loop->HandOut();
    loop->client_->Deliver(loop->batch_.count());
    loop->Release();
  }
  if (!loop->after_batch_.empty()) loop->FinishBatch();
  loop->StopIdling();
}

void Loop::HandOut() {
  batch_is_out_ = true;
  *memory_->epoch_offset = EpochOffsetMicros();
  if (delivery_stamped_links_ > 0) StampDelivery();
}

// A link that has ended keeps its slot until the records that it left have been delivered.
void Loop::StampDelivery() {
  const double now_us = MonotonicMicros();
  for (uint32_t i = 0; i < batch_.count(); i++) {
    Record& record = memory_->records[i];
    const Link* link = slots_[record.link % kMaxLinks];
    if (link == nullptr || link->id() != record.link || !link->is_delivery_stamped()) continue;
    record.received_mono_us = now_us;
  }
}

void Loop::Release() {
  if (!batch_is_out_) return;
  batch_is_out_ = false;
  batch_.Release();
}

void Loop::FinishBatch() {
  finishing_.swap(after_batch_);
  for (uint32_t id : finishing_) {
    if (Link* link = Find(id)) link->AfterBatch();
  }
  finishing_.clear();
}

int64_t Loop::Drain(uint32_t id) {
  if (batch_is_out_) return -1;
  if (Link* link = Find(id)) link->Drain();
  if (batch_.count() > 0) HandOut();
  return batch_.count();
}

}  // namespace shared_ws
