// The modes that send. The reading ones are in modes_read.c.
#include "blaster.h"

enum { CHUNK_BYTES = 256 * 1024 };

// Valid JSON from 110 bytes on, of the kind that an exchange sends; every fourth an array, so that first
// bytes differ.
void make_payload(uint8_t* into, size_t size, int index) {
  char text[256];
  const char* format = index % 4 == 3
                           ? "[\"trade\",\"BTCUSDT\",%d,\"50%03d.%02d\",\"0.%04d\",17000000%05d,%s,\"\"]"
                           : "{\"e\":\"trade\",\"s\":\"BTCUSDT\",\"i\":%d,\"p\":\"50%03d.%02d\",\"q\":\"0.%"
                             "04d\",\"t\":17000000%05d,"
                             "\"m\":%s,\"x\":\"\"}";
  int length = snprintf(text, sizeof text, format, 1000 + index, index * 7 % 1000, index % 100,
                        index * 31 % 10000, index * 17, index % 2 ? "true" : "false");
  if ((size_t)length > size) {
    for (size_t i = 0; i < size; i++) into[i] = (uint8_t)('a' + (index + i) % 26);
    return;
  }
  // The closing quote and bracket go to the end, filler between the quotes.
  memcpy(into, text, (size_t)length - 2);
  memset(into + length - 2, 'x', size - (size_t)length);
  memcpy(into + size - 2, text + length - 2, 2);
}

void make_cycle(Cycle* cycle, size_t size) {
  uint8_t* payload = must_alloc(size + 1);
  cycle->bytes = must_alloc(CYCLE_FRAMES * (size + 14));
  size_t at = 0;
  int64_t sum = 0;
  for (int i = 0; i < CYCLE_FRAMES; i++) {
    cycle->offset[i] = at;
    cycle->sum_before[i] = sum;
    make_payload(payload, size, i);
    at += build_frame(cycle->bytes + at, 0x80 | OP_TEXT, payload, size, NULL);
    sum += (size > 0 ? payload[0] : 0) + (int64_t)size;
  }
  cycle->offset[CYCLE_FRAMES] = at;
  cycle->sum_before[CYCLE_FRAMES] = sum;
  free(payload);
}

// Sends `count` frames of a cycle as fast as the socket takes them, about 256 KB a write. With
// `record_per_frame` each is a TLS record of its own (they still share writes: a record a write would measure
// this server).
static bool blast(Connection* connection, const Cycle* cycle, int64_t count, bool record_per_frame) {
  size_t cycle_bytes = cycle->offset[CYCLE_FRAMES];
  size_t repeats = CHUNK_BYTES / cycle_bytes + 1;
  uint8_t* chunk = must_alloc(repeats * cycle_bytes);
  for (size_t i = 0; i < repeats; i++) memcpy(chunk + i * cycle_bytes, cycle->bytes, cycle_bytes);
  int64_t chunk_frames = (int64_t)repeats * CYCLE_FRAMES;
  bool alive = true;
  for (int64_t left = count; left > 0 && alive;) {
    int64_t frames = left < chunk_frames ? left : chunk_frames;
    if (record_per_frame) {
      for (int64_t i = 0; i < frames && alive; i++) {
        int slot = (int)(i % CYCLE_FRAMES);
        alive = stream_put(&connection->stream, cycle->bytes + cycle->offset[slot],
                           cycle->offset[slot + 1] - cycle->offset[slot]);
      }
      alive = alive && stream_flush(&connection->stream);
    } else {
      size_t bytes = (size_t)(frames / CYCLE_FRAMES) * cycle_bytes + cycle->offset[frames % CYCLE_FRAMES];
      alive = stream_write(&connection->stream, chunk, bytes);
    }
    left -= frames;
  }
  connection->tally.messages = count;
  connection->tally.sum =
      count / CYCLE_FRAMES * cycle->sum_before[CYCLE_FRAMES] + cycle->sum_before[count % CYCLE_FRAMES];
  free(chunk);
  return alive;
}

void mode_bulk(Connection* connection) {
  char records[16] = "";
  field_text(connection->query, '&', "records", records, sizeof records);
  Cycle cycle;
  make_cycle(&cycle, (size_t)field_number(connection->query, '&', "size", 150));
  if (!blast(connection, &cycle, field_number(connection->query, '&', "n", 0),
             strcmp(records, "frame") == 0)) {
    connection->tally.error = "the client left early";
  }
  free(cycle.bytes);
}

// One frame per write, `rate` a second (0: at once, one after another). Waits by spinning: a sleep is late by
// more than the gap between two frames. Behind schedule it sends at once.
void mode_paced(Connection* connection) {
  Cycle cycle;
  make_cycle(&cycle, (size_t)field_number(connection->query, '&', "size", 150));
  int64_t count = field_number(connection->query, '&', "n", 0);
  int64_t rate = field_number(connection->query, '&', "rate", 0);
  int64_t start = mono_ns();
  for (int64_t i = 0; i < count; i++) {
    if (rate > 0) {
      int64_t due = start + i * 1000000000 / rate;
      while (mono_ns() < due) {
      }
    }
    int slot = (int)(i % CYCLE_FRAMES);
    if (!stream_write(&connection->stream, cycle.bytes + cycle.offset[slot],
                      cycle.offset[slot + 1] - cycle.offset[slot])) {
      connection->tally.error = "the client left early";
      break;
    }
  }
  connection->tally.messages = count;
  connection->tally.sum =
      count / CYCLE_FRAMES * cycle.sum_before[CYCLE_FRAMES] + cycle.sum_before[count % CYCLE_FRAMES];
  free(cycle.bytes);
}

// ---- captures: encoded once at start, replayed round and round ----

typedef struct {
  uint8_t* frames;
  size_t* offset;  // of frame i; one more at the end
  int64_t* sum_before;
  int64_t count;
} Capture;

static Capture captures[64];
static int capture_count;

void add_capture(const char* path) {
  FILE* file = fopen(path, "rb");
  if (!file) die("cannot open the capture %s: %s", path, strerror(errno));
  fseek(file, 0, SEEK_END);
  size_t size = (size_t)ftell(file);
  rewind(file);
  uint8_t* raw = must_alloc(size + 1);
  if (fread(raw, 1, size, file) != size) die("cannot read the capture %s", path);
  fclose(file);
  if (capture_count == 64) die("more than 64 captures");
  Capture* capture = &captures[capture_count++];
  size_t most = size / 5 + 2;
  capture->frames = must_alloc(size + 14 * most);
  capture->offset = must_alloc(most * sizeof *capture->offset);
  capture->sum_before = must_alloc(most * sizeof *capture->sum_before);
  capture->count = 0;
  Tally tally = {0};
  size_t to = 0;
  for (size_t at = 0; at < size;) {
    uint32_t length =
        raw[at] | (uint32_t)raw[at + 1] << 8 | (uint32_t)raw[at + 2] << 16 | (uint32_t)raw[at + 3] << 24;
    if (at + 5 + length > size) die("%s ends inside a message", path);
    capture->offset[capture->count] = to;
    capture->sum_before[capture->count] = tally.sum;
    to += build_frame(capture->frames + to, 0x80 | raw[at + 4], raw + at + 5, length, NULL);
    tally_add(&tally, raw + at + 5, length);
    capture->count++;
    at += 5 + length;
  }
  if (capture->count == 0) die("%s holds no message", path);
  capture->offset[capture->count] = to;
  capture->sum_before[capture->count] = tally.sum;
  free(raw);
}

void mode_replay(Connection* connection) {
  int64_t index = field_number(connection->query, '&', "file", 0);
  if (index < 0 || index >= capture_count) {
    connection->tally.error = "no such capture";
    return;
  }
  const Capture* capture = &captures[index];
  int64_t count = field_number(connection->query, '&', "n", capture->count);
  Tally* tally = &connection->tally;
  for (int64_t left = count; left > 0;) {
    int64_t frames = left < capture->count ? left : capture->count;
    size_t end = capture->offset[frames];
    for (size_t at = 0; at < end; at += CHUNK_BYTES) {
      size_t bytes = end - at < CHUNK_BYTES ? end - at : CHUNK_BYTES;
      if (!stream_write(&connection->stream, capture->frames + at, bytes)) {
        tally->error = "the client left early";
        return;
      }
    }
    tally->messages += frames;
    tally->sum += capture->sum_before[frames];
    left -= frames;
  }
}
