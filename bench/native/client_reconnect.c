// Comes back from a reset, again and again, and subscribes: the limit of the question `reconnect`.
#include "client.h"

enum { TOPICS = 100, REST_US = 5000, LEAST_SAMPLES = 10 };

// The requests of one connection, which are the same on each: written once.
static size_t build_requests(uint8_t* into, int64_t per_message) {
  size_t bytes = 0;
  for (int64_t from = 0; from < TOPICS; from += per_message) {
    char text[4096];
    int at = snprintf(text, sizeof text, "{\"op\":\"subscribe\",\"id\":\"%lld\",\"args\":[", (long long)from);
    for (int64_t i = from; i < from + per_message && i < TOPICS; i++) {
      at += snprintf(text + at, sizeof text - (size_t)at, "%s\"trade.COIN%03lld-USDT\"", i > from ? "," : "",
                     (long long)i);
    }
    at += snprintf(text + at, sizeof text - (size_t)at, "]}");
    bytes += build_frame(into + bytes, 0x80 | OP_TEXT, text, (size_t)at, kMask);
  }
  return bytes;
}

// Subscribes and reads the answers. Returns when the server had reset the connection before, ns.
static int64_t subscribe(Link* link, Result* result, const uint8_t* requests, size_t bytes, int64_t answers) {
  int64_t reset_ns = 0;
  if (!stream_write(&link->stream, requests, bytes)) die("the connection ended while it subscribed");
  for (int64_t i = 0; i < answers;) {
    static const char kStart[] = "{\"success\":true,\"resetNs\":";
    Frame frame;
    if (!next_frame(link, &frame, false)) die("the connection ended after %lld answers", (long long)i);
    // Data.
    if (frame.length < sizeof kStart || memcmp(frame.payload, kStart, sizeof kStart - 1) != 0) continue;
    i++;
    reset_ns = strtoll((const char*)frame.payload + sizeof kStart - 1, NULL, 10);
    result->count++;
    result->sum += frame.payload[0] + (int64_t)frame.length;
  }
  return reset_ns;
}

void task_reconnect(const char* line, Link* link) {
  char url[1024], text[96];
  if (!field_text(line, ' ', "url", url, sizeof url)) die("no url");
  int64_t warm = field_number(line, ' ', "warm", 0), n = field_number(line, ' ', "n", 0);
  int64_t per_message = field_number(line, ' ', "perMessage", 1);
  int64_t answers = (TOPICS + per_message - 1) / per_message;
  int64_t limit_ns = field_number(line, ' ', "maxMs", 60000) * 1000000, begun = mono_ns(), taken = 0;
  uint8_t *requests = must_alloc(TOPICS * 128 + 4096), reset[16];
  size_t bytes = build_requests(requests, per_message);
  size_t reset_bytes = build_frame(reset, 0x80 | OP_TEXT, "reset", 5, kMask);
  int64_t* samples = must_alloc((size_t)(n + 1) * sizeof *samples);
  Result result = {0};
  open_link(link, url);
  subscribe(link, &result, requests, bytes, answers);
  for (int64_t i = 0; taken < n && !(taken >= LEAST_SAMPLES && mono_ns() - begun > limit_ns); i++) {
    Frame none;
    usleep(REST_US);
    if (i == warm) mark_start(&result);
    if (!stream_write(&link->stream, reset, reset_bytes)) die("the connection ended unasked");
    while (next_frame(link, &none, false)) {  // data
    }
    close(link->stream.fd);
    open_link(link, url);
    int64_t reset_ns = subscribe(link, &result, requests, bytes, answers);
    if (i >= warm) samples[taken++] = mono_ns() - reset_ns;
  }
  mark_end(&result);
  close_link(link);
  percentiles(samples, taken, text, sizeof text);
  answer(&result, taken, text);
  free(requests);
  free(samples);
}
