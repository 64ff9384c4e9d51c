// The client's connection, and what its tasks measure.
#pragma once

#include "wire.h"

enum { READ_BYTES = 256 * 1024 };

typedef struct {
  Stream stream;
  uint8_t* buffer;
  size_t room, have, at;
} Link;

typedef struct {
  int64_t count, sum, last_us;
  int64_t mark_cpu, mark_wall, cpu_ns, wall_ns;
  double time_sum;
} Result;

void mark_start(Result* result);
void mark_end(Result* result);
void answer(const Result* result, int64_t n, const char* more);
// Sorts the samples, which are in ns.
void percentiles(int64_t* samples, int64_t n, char* into, size_t room);

extern const uint8_t kMask[4];

// ws://127.0.0.1:PORT/path or wss://…; dies on any failure, which fails the case.
void open_link(Link* link, const char* url);
// False: the peer has left.
bool next_frame(Link* link, Frame* frame, bool spin);
void close_link(Link* link);

void task_reconnect(const char* line, Link* link);
