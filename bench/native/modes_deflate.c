// Modes that send compressed messages: permessage-deflate (RFC 7692), and gzip of the application's own.
#include "blaster.h"

#ifdef BENCH_DEFLATE
#include <zlib.h>
#endif

#ifdef BENCH_DEFLATE

enum { MAX_MESSAGE = 4096, PASS_MESSAGES = 1024 };

// Market data whose figures move as they do on an exchange: prices walk, sizes are new each time.
typedef struct {
  uint64_t state;
  int64_t price;  // of the best bid, in cents
  int64_t update;
} Market;

static uint32_t next_random(Market* market) {
  market->state = market->state * 6364136223846793005u + 1442695040888963407u;
  return (uint32_t)(market->state >> 33);
}

// About 150 bytes.
static size_t make_ticker(Market* market, char* into) {
  market->update += 1 + next_random(market) % 9;
  market->price += (int)(next_random(market) % 41) - 20;
  long long bid = market->price, ask = market->price + 1 + next_random(market) % 3;
  long long time = 1700000000000 + market->update * 7;
  return (size_t)snprintf(
      into, MAX_MESSAGE,
      "{\"e\":\"bookTicker\",\"u\":%lld,\"s\":\"BTCUSDT\",\"b\":\"%lld.%02lld\",\"B\":\"%u.%03u\","
      "\"a\":\"%lld.%02lld\",\"A\":\"%u.%03u\",\"T\":%lld,\"E\":%lld}",
      400900217 + (long long)market->update, bid / 100, bid % 100, next_random(market) % 20,
      next_random(market) % 1000, ask / 100, ask % 100, next_random(market) % 20, next_random(market) % 1000,
      time, time + next_random(market) % 5);
}

// About 2 KB: 40 levels a side.
static size_t make_book(Market* market, char* into) {
  market->update += 1 + next_random(market) % 9;
  market->price += (int)(next_random(market) % 201) - 100;
  size_t at = (size_t)snprintf(into, MAX_MESSAGE,
                               "{\"e\":\"depthUpdate\",\"E\":%lld,\"s\":\"BTCUSDT\",\"U\":%lld,\"u\":%lld",
                               1700000000000 + (long long)market->update * 7, 157 + (long long)market->update,
                               160 + (long long)market->update);
  for (int side = 0; side < 2; side++) {
    at += (size_t)snprintf(into + at, MAX_MESSAGE - at, ",\"%s\":[", side == 0 ? "b" : "a");
    long long price = market->price;
    for (int level = 0; level < 40; level++) {
      price += (side == 0 ? -1 : 1) * (long long)(1 + next_random(market) % 60);
      at += (size_t)snprintf(into + at, MAX_MESSAGE - at, "%s[\"%lld.%02lld\",\"%u.%03u\"]",
                             level == 0 ? "" : ",", price / 100, price % 100, next_random(market) % 9,
                             next_random(market) % 1000);
    }
    at += (size_t)snprintf(into + at, MAX_MESSAGE - at, "]");
  }
  return at + (size_t)snprintf(into + at, MAX_MESSAGE - at, "}");
}

// Frames that are sent again and again, and what the client must make of them.
typedef struct {
  uint8_t* frames;
  size_t offset[PASS_MESSAGES + 1];
  int64_t sum_before[PASS_MESSAGES + 1];
} Pass;

typedef enum { TAKEOVER, NO_TAKEOVER, GZIP } How;

static void make_pass(Pass* pass, z_stream* z, Market* market, bool books, How how) {
  pass->frames = must_alloc((size_t)PASS_MESSAGES * MAX_MESSAGE * 2);
  char message[MAX_MESSAGE];
  uint8_t packed[MAX_MESSAGE * 2];
  Tally tally = {0};
  size_t at = 0;
  for (int i = 0; i < PASS_MESSAGES; i++) {
    pass->offset[i] = at;
    pass->sum_before[i] = tally.sum;
    size_t size = books ? make_book(market, message) : make_ticker(market, message);
    tally_add(&tally, (const uint8_t*)message, size);
    z->next_in = (uint8_t*)message;
    z->avail_in = (uInt)size;
    z->next_out = packed;
    z->avail_out = sizeof packed;
    deflate(z, how == GZIP ? Z_FINISH : Z_SYNC_FLUSH);
    if (z->avail_out == 0) die("deflate: no room");
    size_t length = sizeof packed - z->avail_out;
    if (how != GZIP) length -= 4;  // RFC 7692 7.2.1: without the empty block at the end
    if (how != TAKEOVER) deflateReset(z);
    at +=
        build_frame(pass->frames + at, how == GZIP ? 0x80 | OP_BINARY : 0xC0 | OP_TEXT, packed, length, NULL);
  }
  pass->offset[PASS_MESSAGES] = at;
  pass->sum_before[PASS_MESSAGES] = tally.sum;
}

// Compressing costs more than any good client's inflating, so it is done beforehand. With a context kept a
// pass can be repeated only behind itself: it is longer than the window, so that the window then holds the
// same bytes as when the second pass, of the same messages, was compressed behind the first.
static void send_passes(Connection* connection, How how) {
  bool books = strstr(connection->query, "kind=book") != NULL;
  int64_t count = field_number(connection->query, '&', "n", 0);
  z_stream z = {0};
  if (deflateInit2(&z, 6, Z_DEFLATED, how == GZIP ? 31 : -15, 8, Z_DEFAULT_STRATEGY) != Z_OK) {
    die("deflateInit2 failed");
  }
  Pass passes[2];
  for (int i = 0; i < 2; i++) {
    Market market = {.state = 1, .price = 6012345};
    make_pass(&passes[i], &z, &market, books, how);
  }
  deflateEnd(&z);
  Tally* tally = &connection->tally;
  for (int64_t sent = 0; sent < count && !tally->error;) {
    const Pass* pass = &passes[sent == 0 ? 0 : 1];
    int64_t frames = count - sent < PASS_MESSAGES ? count - sent : PASS_MESSAGES;
    if (!stream_write(&connection->stream, pass->frames, pass->offset[frames])) {
      tally->error = "the client left early";
    }
    tally->messages += frames;
    tally->sum += pass->sum_before[frames];
    sent += frames;
  }
  for (int i = 0; i < 2; i++) free(passes[i].frames);
}

void mode_deflate(Connection* connection) {
  send_passes(connection, strstr(connection->query, "takeover=0") ? NO_TAKEOVER : TAKEOVER);
}

void mode_gzip(Connection* connection) {
  send_passes(connection, GZIP);
}

#else
void mode_deflate(Connection* connection) {
  connection->tally.error = "built without zlib";
}
void mode_gzip(Connection* connection) {
  connection->tally.error = "built without zlib";
}
#endif
