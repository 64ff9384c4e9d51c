#include "io_world.h"

#include <openssl/err.h>
#include <sys/resource.h>

#include <algorithm>
#include <cstring>

#include "io/clock.h"

namespace shared_ws::test {
namespace {

constexpr uint64_t kGuardMs = 60'000;  // for a hang, not a measure

}  // namespace

World::World() : memory_(LoopMemory::Create()) {
  uv_loop_init(&uv_);
  // libuv runs last what was started first.
  uv_check_init(&uv_, &late_);
  late_.data = this;
  uv_check_start(&late_, [](uv_check_t* handle) {
    auto* world = static_cast<World*>(handle->data);
    if (world->after_check) world->after_check();
  });
  loop_ = Loop::Create(&uv_, memory_, this);
  uv_timer_init(&uv_, &guard_);
  guard_.data = this;
  uv_unref(reinterpret_cast<uv_handle_t*>(&guard_));
}

World::~World() {
  Shutdown();
  uv_close(reinterpret_cast<uv_handle_t*>(&guard_), nullptr);
  uv_close(reinterpret_cast<uv_handle_t*>(&late_), nullptr);
  uv_run(&uv_, UV_RUN_DEFAULT);
  CHECK(done_, "Shutdown() called back");
  CHECK_EQ(uv_loop_close(&uv_), 0, "handles are left");
  memory_->Unreference();
}

void World::Shutdown() {
  if (shut_down_) return;
  shut_down_ = true;
  loop_->Shutdown([](void* world) { static_cast<World*>(world)->done_ = true; }, this);
}

uint32_t World::Open(uint16_t port, const std::string& address, size_t max_link_bytes) {
  LinkOptions options;
  options.address = address;
  options.port = port;
  options.max_link_bytes = max_link_bytes;
  options.timestamps = timestamps;
  return Open(options);
}

uint32_t World::Open(const LinkOptions& options) {
  int error = 0;
  std::string refusal;
  const uint32_t id = loop_->Open(options, &error, &refusal);
  CHECK(id != 0, "open: " + refusal + std::strerror(error));
  return id;
}

Link& World::operator[](uint32_t id) {
  Link* link = loop_->Find(id);
  if (link != nullptr) return *link;
  Fail(__FILE__, __LINE__, "there is no link " + std::to_string(id));
  std::exit(1);
}

void World::Destroy(uint32_t id, bool reset) {
  (*this)[id].Destroy(reset);
  over_.insert(id);
  CHECK(loop_->Find(id) == nullptr);
}

bool World::RunUntil(const std::function<bool()>& done) {
  expired_ = false;
  uv_update_time(&uv_);
  const auto expire = [](uv_timer_t* timer) { static_cast<World*>(timer->data)->expired_ = true; };
  uv_timer_start(&guard_, expire, kGuardMs, 0);
  // The guard keeps the loop from ending when no handle is alive: that, too, is a wait without end.
  uv_ref(reinterpret_cast<uv_handle_t*>(&guard_));
  while (!done() && !expired_) {
    uv_run(&uv_, UV_RUN_ONCE);
    CHECK_EQ(ERR_peek_error(), 0ul, "OpenSSL's error queue is not empty");
  }
  uv_unref(reinterpret_cast<uv_handle_t*>(&guard_));
  uv_timer_stop(&guard_);
  return !expired_;
}

void World::Settle(int turns) {
  for (int i = 0; i < turns; i++) uv_run(&uv_, UV_RUN_NOWAIT);
}

int64_t World::Drain(uint32_t id) {
  const int64_t count = loop_->Drain(id);
  if (count > 0) {
    Deliver(static_cast<uint32_t>(count));
    loop_->Release();
  }
  return count;
}

std::vector<Event> World::Of(uint32_t link) const {
  std::vector<Event> result;
  std::copy_if(events.begin(), events.end(), std::back_inserter(result),
               [link](const Event& event) { return event.link == link; });
  return result;
}

size_t World::Count(uint32_t link, RecordKind kind) const {
  return static_cast<size_t>(std::count_if(events.begin(), events.end(), [&](const Event& event) {
    return event.link == link && event.kind == kind;
  }));
}

Event World::First(uint32_t link, RecordKind kind) const {
  for (const Event& event : events) {
    if (event.link == link && event.kind == kind) return event;
  }
  Fail(__FILE__, __LINE__, "no record of kind " + std::to_string(static_cast<int>(kind)));
  return {};
}

std::vector<std::string> World::Messages(uint32_t link) const {
  std::vector<std::string> result;
  for (const Event& event : events) {
    if (event.link == link && event.kind == RecordKind::kMessage) result.push_back(event.payload);
  }
  return result;
}

std::string_view World::PayloadOf(const Record& record) {
  const char* start = reinterpret_cast<const char*>(memory_->slab);
  if (record.flags & kFlagBlock) {
    const std::vector<Bytes>& blocks = loop_->batch().blocks();
    if (!CHECK(record.slot < blocks.size()) || !CHECK_EQ(blocks[record.slot].size(), record.length))
      return {};
    start = reinterpret_cast<const char*>(blocks[record.slot].data());
  } else if (!CHECK(record.offset + size_t{record.length} <= LoopMemory::kSlabBytes)) {
    return {};
  }
  return {start + record.offset, record.length};
}

void World::CheckRecord(const Record& record, std::string_view payload) {
  CHECK(over_.count(record.link) == 0, "a record after the end of its link");
  if (record.kind == RecordKind::kEnd) {
    over_.insert(record.link);
    CHECK(loop_->Find(record.link) == nullptr, "a link that has ended can be found");
  }
  double& last = last_[record.link];
  CHECK(record.received_mono_us >= last, "receive times go back");
  CHECK(record.received_mono_us <= MonotonicMicros(), "received in the future");
  last = record.received_mono_us;
  if (record.kind == RecordKind::kMessage && record.opcode == static_cast<uint8_t>(Opcode::kText)) {
    const bool ascii = std::all_of(payload.begin(), payload.end(), [](char c) { return (c & 0x80) == 0; });
    CHECK_EQ((record.flags & kFlagAscii) != 0, ascii);
  }
}

// The first message of a run says how many follow each other, so that a client need not look.
void World::CheckRuns(uint32_t record_count) {
  const Record* records = memory_->records;
  const auto same_run = [&](uint32_t a, uint32_t b) {
    return records[a].kind == RecordKind::kMessage && records[b].kind == RecordKind::kMessage &&
           records[a].link == records[b].link;
  };
  for (uint32_t first = 0, end; first < record_count; first = end) {
    end = first + 1;
    while (end < record_count && same_run(first, end)) end++;
    if (records[first].kind == RecordKind::kMessage) CHECK_EQ(records[first].aux, end - first);
  }
}

void World::Deliver(uint32_t record_count) {
  CHECK(!shut_down_, "a delivery after Shutdown()");
  CHECK(!delivering_, "a delivery inside a delivery");
  CHECK(record_count > 0 && record_count <= LoopMemory::kMaxRecords);
  CHECK(loop_->batch_is_out());
  CHECK_EQ(ERR_peek_error(), 0ul, "OpenSSL's error queue is not empty");
  delivering_ = true;
  largest_batch = std::max<size_t>(largest_batch, record_count);
  CheckRuns(record_count);
  for (uint32_t i = 0; i < record_count; i++) {
    const Record record = memory_->records[i];
    const std::string_view payload = PayloadOf(record);
    CheckRecord(record, payload);
    if (record.kind == RecordKind::kMessage) messages++;
    if (record.flags & kFlagBlock) blocks++;
    if (!keep_events) continue;
    events.push_back({record.kind, record.opcode, record.flags, record.link, record.aux, record.slot,
                      record.received_mono_us, batches, std::string(payload)});
  }
  std::memset(memory_->slab, 0xDD, LoopMemory::kSlabBytes);
  std::memset(static_cast<void*>(memory_->records), 0xDD, record_count * sizeof(Record));
  if (on_delivery) on_delivery();
  batches++;
  delivering_ = false;
}

}  // namespace shared_ws::test
