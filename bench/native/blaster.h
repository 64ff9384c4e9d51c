// The bench's server: one thread per connection, blocking sockets, and a mode per path.
#pragma once

#include "wire.h"

// What the server knows of a connection, printed as one line of JSON when it ends: the runner compares it
// with what the client says it received (or sent).
typedef struct {
  int64_t messages;
  int64_t sum;  // of first byte + length, over all messages
  const char* error;
} Tally;

typedef struct {
  Stream stream;
  const char* query;
  uint8_t* glued;  // bytes that came behind the upgrade request
  size_t glued_length;
  Tally tally;
  void* state;   // of the mode
  bool goes_on;  // another connection of the run follows, whose line tells of this one too
} Connection;

static inline void tally_add(Tally* tally, const uint8_t* payload, size_t length) {
  tally->messages++;
  tally->sum += (length > 0 ? payload[0] : 0) + (int64_t)length;
}

// Messages that repeat: 64 frames of `size` bytes of payload, one after another.
enum { CYCLE_FRAMES = 64 };
typedef struct {
  uint8_t* bytes;
  size_t offset[CYCLE_FRAMES + 1];
  int64_t sum_before[CYCLE_FRAMES + 1];
} Cycle;

void make_payload(uint8_t* into, size_t size, int index);
void make_cycle(Cycle* cycle, size_t size);

// Hands every frame to `on_frame` until it returns false or the client leaves, and calls `on_read` (or NULL)
// when those of one read are done. The client's CLOSE is answered. An unmasked frame ends the connection with
// an error (RFC 6455 5.1).
typedef bool (*OnFrame)(Connection* connection, const Frame* frame);
typedef bool (*OnRead)(Connection* connection);
void read_frames(Connection* connection, bool spin, OnFrame on_frame, OnRead on_read);

// Each fills `connection->tally`.
void mode_bulk(Connection* connection);
void mode_paced(Connection* connection);
void mode_replay(Connection* connection);
void mode_deflate(Connection* connection);
void mode_gzip(Connection* connection);
void mode_echo(Connection* connection);
void mode_sink(Connection* connection);
void mode_idle(Connection* connection);
void mode_subscribe(Connection* connection);

// A plain framed file of scripts: u32 length (little endian), u8 opcode, payload; again and again.
void add_capture(const char* path);
