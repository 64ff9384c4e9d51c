#pragma once

#include <uv.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "core/connection.h"
#include "core/deflate.h"
#include "core/frame.h"
#include "io/loop.h"
#include "io/outbound.h"
#include "io/segment_clock.h"
#include "io/socket_options.h"
#include "io/tls_stream.h"
#include "io/topics.h"

namespace shared_ws {

// What receive times are: see WsTimestampSource in src/connect/request.ts.
enum class TimestampSource : uint8_t { kRead, kCallback, kKernel };

struct LinkOptions {
  std::string address;  // literal IPv4 or IPv6
  uint16_t port = 0;
  SocketOptions socket;
  TimestampSource timestamps = TimestampSource::kRead;
  size_t max_link_bytes = 64 * 1024;
};

struct LinkAddresses {
  std::string local_address, remote_address;
  uint16_t local_port = 0, remote_port = 0;
};

// One TCP socket to one address, first as a stream of bytes (raw phase: the HTTP upgrade, with or without
// TLS), then as a WebSocket. Belongs to its Loop and to the Loop's thread. Events go into the Loop's batch;
// kEnd is the last of them, unless Destroy() was called, after which nothing comes.
//
// Lifetime: made by Loop::Open, deleted by Loop::Forget from the close callback of its poll handle. The fd is
// closed there too, because libuv must not see a closed fd in its poll set.
class Link {
 public:
  static Link* Open(Loop* loop, uint32_t id, const LinkOptions& options, int* error, std::string* refusal);

  uint32_t id() const { return id_; }
  bool ended() const { return ended_; }
  // Its records have the time of their delivery.
  bool is_delivery_stamped() const { return options_.timestamps == TimestampSource::kCallback; }

  // Raw phase.
  bool WriteRaw(const uint8_t* data, size_t size);
  void ReadMore();
  // Once, and once more through a proxy that speaks TLS. False, with words in `error`: OpenSSL refused.
  bool StartTls(SSL_CTX* context, const TlsStart& start, std::string* error);
  const TlsStream* tls() const { return tls_.get(); }
  // After kSessions.
  std::vector<TlsSession> TakeSessions();
  // `glued`: bytes that came behind the upgrade response; decoded in the next turn, before anything newer.
  // `topics`, if any: what text messages are looked at for.
  bool StartWebSocket(const Limits& limits, const Extensions& extensions, const uint8_t* glued,
                      size_t glued_size, Topics* topics = nullptr);
  LinkAddresses Addresses() const;

  // WebSocket phase. An encoder writes a payload straight into the outgoing frame:
  //   size_t (*)(void* source, uint8_t* into)   returns bytes written, at most `max_payload`.
  // Results: sequence number, kFull or kClosed. `likely_payload` is a guess of the size that saves a move
  // when right.
  static constexpr int64_t kFull = 0;
  static constexpr int64_t kClosed = -1;
  using PayloadWriter = size_t (*)(void* source, uint8_t* into);
  int64_t Offer(Opcode opcode, PayloadWriter write, void* source, size_t max_payload, size_t likely_payload,
                bool more);
  int64_t OfferBytes(Opcode opcode, const uint8_t* payload, size_t size, bool more);
  void Flush();
  bool Withdraw(uint64_t sequence);
  int64_t SendControl(Opcode opcode, const uint8_t* payload, size_t size);
  void Close(uint16_t code, const uint8_t* reason, size_t size);

  // Ends the link without a kEnd.
  void Destroy(bool reset);
  void Pause();
  void Resume();
  // Reads what is there, unless paused.
  void Drain();

  // For the loop.
  void Continue();    // after Loop::Rearm
  void AfterBatch();  // after Loop::AfterBatch

 private:
  enum class Phase : uint8_t { kConnecting, kRaw, kTlsHandshake, kWebSocket };

  // Frames are sealed one record at a time, so more than this is OpenSSL's answers to a peer (key updates).
  static constexpr size_t kMaxUnsentCipherBytes = 64 * 1024;

  // Pings and pongs that may wait for a peer that does not read.
  static constexpr size_t kMaxWaitingControlFrames = 64;

  Link(Loop* loop, uint32_t id, const LinkOptions& options);
  ~Link();
  friend class Loop;

  static void OnPoll(uv_poll_t* handle, int status, int events);
  static void OnPollClosed(uv_handle_t* handle);
  void UpdatePoll();
  void FinishConnecting();
  void ContinueHandshake();
  void ReportTls();

  bool WantsToRead() const;
  void ReadTurn();
  bool Inflates() const;
  bool HasReadRoom() const;
  size_t ReadCapacity() const;
  ssize_t Receive(uint8_t* into, size_t capacity);
  void TakePlaintext(uint8_t* data, size_t size, bool is_rest);
  void EndOfStream();
  void ReadSealed();
  void SetBacklog(const uint8_t* data, size_t size);
  void TakeBacklog();
  // What the decoder reports to: see link_read.cc.
  struct Sink;
  void OnPing(const uint8_t* payload, size_t size);
  void OnClose(uint16_t code, const uint8_t* reason, size_t size);
  void OnViolation(Status status);
  bool HasSilentInput() const;
  void RearmOnce();
  void RearmFirst();

  size_t EncodedBytes(size_t payload) const;
  const Bytes* Compressed(const uint8_t* payload, size_t size, size_t room);
  size_t EncodeFrame(uint8_t* out, Opcode opcode, PayloadWriter write, void* source, size_t likely_payload,
                     size_t max_payload);
  int64_t SendDirectly(const uint8_t* frame, size_t size, uint64_t sequence);
  void FreeLargeBuffers();
  void WriteTurn();
  void SendPlain();
  void SendSealed();
  void BorrowCipherBuffer();
  bool SendCipher();
  void UpdateCounters();
  bool HasRoomAgain() const;
  void WakeForWritable();
  void FailWriting(int error);

  void End(EndReason reason, uint32_t aux, const std::string& text = {});
  void EmitEnd();
  void CloseHandle();

  Loop* const loop_;
  const uint32_t id_;
  const LinkOptions options_;
  LinkCounters& counters_;
  int fd_ = -1;
  uv_poll_t poll_;
  int polled_events_ = 0;
  Phase phase_ = Phase::kConnecting;
  bool ended_ = false;  // no more calls on it; kEnd is out, or Destroy() was called
  bool handle_closing_ = false;
  bool reset_ = false;
  bool paused_ = false;
  bool raw_wanted_ = true;  // raw phase: one record may come
  bool rearmed_ = false;
  int write_error_ = 0;       // errno of the send() that failed; the reading side tells it
  size_t refused_bytes_ = 0;  // the smallest frame refused since kWritable was told; 0: none
  bool held_ = false;         // `more` announced more: what waits is sent with it
  bool close_sent_ = false;   // CLOSE is queued or out
  bool close_due_ = false;    // CLOSE leaves after the batch
  bool socket_error_seen_ = false;
  bool sessions_told_ = false;  // kSessions is out, and nobody has taken them
  uint16_t close_code_ = 0;
  double now_us_ = 0;          // receive time of the newest read; all that we hold back came with it
  bool now_is_exact_ = false;  // it is the kernel's of the very last byte
  SegmentClock segment_clock_;
  uint64_t next_sequence_ = 1;
  std::optional<Connection> connection_;
  TopicsReference topics_;
  std::unique_ptr<TlsStream> tls_;
  Outbound out_;
  std::optional<Deflater> deflater_;  // none: nothing is compressed
  // The newest frame that the compressor's window holds; kNothing when that frame was taken back or never
  // queued.
  static constexpr uint64_t kNothing = UINT64_MAX;
  uint64_t deflated_sequence_ = 0;
  Bytes cipher_;  // sealed records that the kernel has not taken; [cipher_head_, size)
  size_t cipher_head_ = 0;
  uint64_t begun_offset_ = 0;  // frames that begin before it have a byte with the kernel
  bool more_sealed_ = false;   // OpenSSL may hold plaintext that was not asked for
  Bytes backlog_;              // plaintext that the batch had no room for
  // An end that waits for room in the batch, or for the backlog to be delivered first.
  struct PendingEnd {
    EndReason reason;
    uint32_t aux;
    std::string text;
  };
  std::optional<PendingEnd> pending_end_;
};

}  // namespace shared_ws
