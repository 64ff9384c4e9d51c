#pragma once

#include <uv.h>

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "harness.h"
#include "io/link.h"
#include "io/loop.h"

// What the io tests share: a Loop on a plain uv loop, and a client that keeps what it delivers.
namespace shared_ws::test {

// One record, with its payload in memory of its own.
struct Event {
  RecordKind kind;
  uint8_t opcode;
  uint16_t flags;
  uint32_t link;
  uint32_t aux;
  uint32_t slot;
  double received_mono_us;
  size_t batch;  // which delivery it came in, from 0
  std::string payload;
};

// Checks of every batch what a client may rely on, then spoils the slab, so that nothing that outlived its
// batch goes unnoticed. Everything runs on this thread: servers of the tests live on the same uv loop.
class World final : public LoopClient {
 public:
  World();
  // Shuts the loop down if the test did not, and checks that nothing is left of it.
  ~World() override;

  uv_loop_t* uv() { return &uv_; }
  Loop& loop() { return *loop_; }
  const LoopMemory& memory() const { return *memory_; }

  // A new link to 127.0.0.1, or to `address`.
  uint32_t Open(uint16_t port, const std::string& address = "127.0.0.1", size_t max_link_bytes = 64 * 1024);
  uint32_t Open(const LinkOptions& options);
  TimestampSource timestamps = TimestampSource::kRead;  // of links opened by a port
  // The link, which must exist.
  Link& operator[](uint32_t id);
  const LinkCounters& counters(uint32_t id) const { return memory_->counters[id % kMaxLinks]; }
  void Destroy(uint32_t id, bool reset = false);
  void Shutdown();

  // Runs the uv loop, blocking as it would in Node, until `done` holds. False, and a failed check, when
  // nothing made it so in the end: a wake-up that is missing shows here.
  bool RunUntil(const std::function<bool()>& done);
  // Lets everything that is under way arrive, without blocking.
  void Settle(int turns = 30);
  // Drains a link as JavaScript does: what came is recorded before it returns.
  int64_t Drain(uint32_t id);

  std::vector<Event> Of(uint32_t link) const;
  size_t Count(uint32_t link, RecordKind kind) const;
  bool Has(uint32_t link, RecordKind kind) const { return Count(link, kind) > 0; }
  // The first event of this kind; a failed check and an empty one when there is none.
  Event First(uint32_t link, RecordKind kind) const;
  // Payloads of the link's messages.
  std::vector<std::string> Messages(uint32_t link) const;

  std::vector<Event> events;
  bool keep_events = true;  // false: only counted and checked
  size_t batches = 0;
  size_t messages = 0;
  size_t largest_batch = 0;           // records
  size_t blocks = 0;                  // messages that came outside the slab
  std::function<void()> on_delivery;  // called inside Deliver(), after the records have been kept
  std::function<void()> after_check;  // called in every turn behind the loop's check, as setImmediate() is

 private:
  void Deliver(uint32_t record_count) override;
  void CheckRuns(uint32_t record_count);
  void CheckRecord(const Record& record, std::string_view payload);
  std::string_view PayloadOf(const Record& record);

  uv_loop_t uv_;
  LoopMemory* memory_;
  Loop* loop_;
  uv_timer_t guard_;
  uv_check_t late_;
  bool expired_ = false;
  bool delivering_ = false;
  bool shut_down_ = false;
  bool done_ = false;
  std::set<uint32_t> over_;          // ids of which nothing may come any more
  std::map<uint32_t, double> last_;  // receive time of each link's newest record
};

// Leaves the test when the condition does not come true.
#define UNTIL(world, condition)                                                                          \
  if (!CHECK((world).RunUntil([&] { return static_cast<bool>(condition); }), "waiting for " #condition)) \
  return

}  // namespace shared_ws::test
