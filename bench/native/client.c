// The limit in every table: recv and a walk over the frames, nothing else (no UTF-8 check, no events). Reads
// tasks from standard input, one line of `key=value` each, and answers each with a line of JSON, as
// bench/client.mjs does.
#include "client.h"

void mark_start(Result* result) {
  result->mark_cpu = process_cpu_ns();
  result->mark_wall = mono_ns();
}

void mark_end(Result* result) {
  result->cpu_ns = process_cpu_ns() - result->mark_cpu;
  result->wall_ns = mono_ns() - result->mark_wall;
}

void answer(const Result* result, int64_t n, const char* more) {
  printf("{\"ok\":true,\"count\":%lld,\"sum\":%lld,\"n\":%lld,\"cpuNs\":%lld,\"wallNs\":%lld%s}\n",
         (long long)result->count, (long long)result->sum, (long long)n, (long long)result->cpu_ns,
         (long long)result->wall_ns, more);
}

static int compare_int64(const void* a, const void* b) {
  int64_t x = *(const int64_t*)a, y = *(const int64_t*)b;
  return (x > y) - (x < y);
}

void percentiles(int64_t* samples, int64_t n, char* into, size_t room) {
  qsort(samples, (size_t)n, sizeof *samples, compare_int64);
  snprintf(into, room, ",\"p50Us\":%.3f,\"p99Us\":%.3f", (double)samples[n / 2] / 1000,
           (double)samples[n * 99 / 100] / 1000);
}

#ifdef BENCH_TLS
// The newest session is the next handshake's.
static int keep_session(SSL* ssl, SSL_SESSION* session) {
  SSL_CTX* context = SSL_get_SSL_CTX(ssl);
  SSL_SESSION_free(SSL_CTX_get_app_data(context));
  SSL_CTX_set_app_data(context, session);
  return 1;
}

static SSL_CTX* tls_context(void) {
  static SSL_CTX* context;
  if (context) return context;
  context = SSL_CTX_new(TLS_client_method());
  const char* ca = getenv("BENCH_CA");
  if (!ca || SSL_CTX_load_verify_locations(context, ca, NULL) != 1)
    die("BENCH_CA does not name a certificate file");
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
  SSL_CTX_set_options(context, SSL_OP_IGNORE_UNEXPECTED_EOF);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
  SSL_CTX_sess_set_new_cb(context, keep_session);
  return context;
}
#endif

// ws://127.0.0.1:PORT/path or wss://…; dies on any failure, which fails the case.
void open_link(Link* link, const char* url) {
  bool tls = strncmp(url, "wss://", 6) == 0;
  const char *host = url + (tls ? 6 : 5), *colon = strchr(host, ':'), *path = strchr(host, '/');
  if (!colon || !path) die("not a URL of this bench: %s", url);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  address.sin_port = htons((uint16_t)atoi(colon + 1));
  int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1;
  if (fd < 0 || connect(fd, (struct sockaddr*)&address, sizeof address) != 0)
    die("connect: %s", strerror(errno));
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  link->stream = (Stream){.fd = fd};
  if (tls) {
#ifdef BENCH_TLS
    if (!stream_start_tls(&link->stream, tls_context(), false)) die("the TLS handshake failed");
#else
    die("this client was built without TLS: install libssl-dev");
#endif
  }
  char request[2048], head[16384];
  int length = snprintf(request, sizeof request,
                        "GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n",
                        path);
  size_t head_size = 0;
  if (!stream_write(&link->stream, request, (size_t)length)) die("the upgrade request could not be sent");
  size_t have = read_head(&link->stream, head, sizeof head, &head_size);
  if (have == 0 || strncmp(head, "HTTP/1.1 101", 12) != 0) die("the upgrade was refused");
  link->at = 0;
  link->have = have - head_size;
  memcpy(link->buffer, head + head_size, link->have);
}

static void init_link(Link* link) {
  link->room = 4 * 1024 * 1024;  // more than the largest captured message
  link->buffer = must_alloc(link->room);
}

// Moves the rest to the front and reads once more. False: the peer has left.
static bool more_bytes(Link* link, bool spin) {
  memmove(link->buffer, link->buffer + link->at, link->have - link->at);
  link->have -= link->at;
  link->at = 0;
  size_t room = link->room - link->have;
  ssize_t got =
      stream_read(&link->stream, link->buffer + link->have, room < READ_BYTES ? room : READ_BYTES, spin);
  if (got <= 0) return false;
  link->have += (size_t)got;
  return true;
}

bool next_frame(Link* link, Frame* frame, bool spin) {
  while (!parse_frame(link->buffer + link->at, link->have - link->at, frame)) {
    if (!more_bytes(link, spin)) return false;
  }
  link->at += frame->total;
  return true;
}

const uint8_t kMask[4] = {0x37, 0xfa, 0x21, 0x3d};

static void say_close(Link* link) {
  uint8_t frame[16], code[2] = {3, 232};
  stream_write(&link->stream, frame, build_frame(frame, 0x80 | OP_CLOSE, code, 2, kMask));
}

void close_link(Link* link) {
  Frame frame;
  say_close(link);
  while (next_frame(link, &frame, false) && frame.opcode != OP_CLOSE) {
  }
  stream_close(&link->stream);
}

static void task_receive(const char* line, Link* link) {
  char url[1024];
  if (!field_text(line, ' ', "url", url, sizeof url)) die("no url");
  int64_t warm = field_number(line, ' ', "warm", 0), n = field_number(line, ' ', "n", 0);
  Result result = {0};
  open_link(link, url);
  if (warm == 0) mark_start(&result);
  for (;;) {
    int64_t now_us = mono_ns() / 1000;  // the receive time of all frames of one recv
    Frame frame;
    while (parse_frame(link->buffer + link->at, link->have - link->at, &frame)) {
      link->at += frame.total;
      if (frame.opcode == OP_CLOSE) goto closed;
      result.sum += (frame.length > 0 ? frame.payload[0] : 0) + (int64_t)frame.length;
      result.time_sum += (double)now_us;
      result.count++;
      if (result.count == warm) mark_start(&result);
      if (result.count == warm + n) mark_end(&result);
    }
    if (!more_bytes(link, false)) die("the connection ended after %lld messages", (long long)result.count);
  }
closed:
  say_close(link);
  stream_close(&link->stream);
  if (result.count > 0 && result.time_sum <= 0) die("no receive time");
  answer(&result, n, "");
}

// One message in flight. Gives up after `maxMs`, with the samples it has: two spinners on one CPU wait for
// each other for whole slices of time.
enum { kLeastSamples = 10 };

static void task_rtt(const char* line, Link* link) {
  char url[1024], text[96];
  if (!field_text(line, ' ', "url", url, sizeof url)) die("no url");
  int64_t warm = field_number(line, ' ', "warm", 0), n = field_number(line, ' ', "n", 0);
  size_t size = (size_t)field_number(line, ' ', "size", 100);
  int64_t limit_ns = field_number(line, ' ', "maxMs", 60000) * 1000000;
  bool spin = field_number(line, ' ', "spin", 0) != 0;
  uint8_t *payload = must_alloc(size), *frame = must_alloc(size + 14);
  int64_t* samples = must_alloc((size_t)(n + 1) * sizeof *samples);
  Result result = {0};
  memset(payload, 'x', size);
  open_link(link, url);
  int64_t begun = mono_ns(), taken = 0;
  for (int64_t i = 0; taken < n; i++) {
    int64_t start = mono_ns();
    bool late = start - begun > limit_ns;
    if (late && i < warm) warm = i;
    if (late && taken >= kLeastSamples) break;
    if (i == warm) mark_start(&result);
    payload[0] = (uint8_t)('a' + i % 26);
    Frame reply;
    if (!stream_write(&link->stream, frame, build_frame(frame, 0x80 | OP_TEXT, payload, size, kMask)) ||
        !next_frame(link, &reply, spin)) {
      die("the connection ended after %lld round trips", (long long)i);
    }
    if (reply.length != size || reply.payload[0] != payload[0])
      die("echo %lld is not what was sent", (long long)i);
    if (i >= warm) samples[taken++] = mono_ns() - start;
    result.count++;
    result.sum += reply.payload[0] + (int64_t)reply.length;
  }
  mark_end(&result);
  close_link(link);
  percentiles(samples, taken, text, sizeof text);
  answer(&result, taken, text);
  free(payload);
  free(frame);
  free(samples);
}

// Encodes `burst` frames and sends them with one call.
static void task_send(const char* line, Link* link) {
  char url[1024];
  if (!field_text(line, ' ', "url", url, sizeof url)) die("no url");
  int64_t warm = field_number(line, ' ', "warm", 0), n = field_number(line, ' ', "n", 0),
          burst = field_number(line, ' ', "burst", 1);
  size_t size = (size_t)field_number(line, ' ', "size", 100);
  uint8_t *payload = must_alloc(size), *frames = must_alloc((size_t)burst * (size + 14));
  Result result = {0};
  memset(payload, 'x', size);
  open_link(link, url);
  bool started = false;
  while (result.count < warm + n) {
    if (!started && result.count >= warm) {
      mark_start(&result);
      started = true;
    }
    size_t bytes = 0;
    for (int64_t i = 0; i < burst && result.count < warm + n; i++) {
      payload[0] = result.count % 2 ? '[' : '{';
      bytes += build_frame(frames + bytes, 0x80 | OP_TEXT, payload, size, kMask);
      result.sum += payload[0] + (int64_t)size;
      result.count++;
    }
    if (!stream_write(&link->stream, frames, bytes)) die("the connection ended");
  }
  Frame done;
  if (!next_frame(link, &done, false)) die("the server did not say that all has come");
  mark_end(&result);
  close_link(link);
  answer(&result, n, "");
  free(payload);
  free(frames);
}

// Connect, upgrade, close, again and again. The time is that from connect to the upgrade's end.
static void task_connect(const char* line, Link* link) {
  char url[1024], text[96];
  if (!field_text(line, ' ', "url", url, sizeof url)) die("no url");
  int64_t warm = field_number(line, ' ', "warm", 0), n = field_number(line, ' ', "n", 0);
  bool resumes = field_number(line, ' ', "resumes", 0) == 1;
  int64_t* samples = must_alloc((size_t)(n + 1) * sizeof *samples);
  Result result = {0};
  for (int64_t i = 0; i < warm + n; i++) {
    if (i == warm) mark_start(&result);
    int64_t start = mono_ns();
    open_link(link, url);
#ifdef BENCH_TLS
    if (resumes && i > 0 && !SSL_session_reused(link->stream.ssl))
      die("connection %lld was not resumed", (long long)i);
#else
    (void)resumes;
#endif
    if (i >= warm) samples[i - warm] = mono_ns() - start;
    close_link(link);
    result.count++;
  }
  mark_end(&result);
  percentiles(samples, n, text, sizeof text);
  answer(&result, n, text);
  free(samples);
}

// The codec's limits, over `n` frames of `size` bytes that lie in 256 KB: memcpy of the payload, a walk over
// unmasked frames, and building masked ones.
static void task_codec(const char* line) {
  char what[16] = "";
  field_text(line, ' ', "op", what, sizeof what);
  int64_t n = field_number(line, ' ', "n", 0);
  size_t size = (size_t)field_number(line, ' ', "size", 150), stride = size + 14;
  size_t slots = (READ_BYTES / stride) + 1;
  uint8_t *source = must_alloc(slots * stride), *target = must_alloc(slots * stride),
          *payload = must_alloc(size);
  memset(payload, 'x', size);
  size_t bytes = 0;
  for (size_t i = 0; i < slots; i++)
    bytes += build_frame(source + bytes, 0x80 | OP_TEXT, payload, size, NULL);
  memset(target, 0, slots * stride);
  Result result = {0};
  mark_start(&result);
  while (result.count < n) {
    if (strcmp(what, "memcpy") == 0) {
      for (size_t i = 0; i < slots && result.count < n; i++, result.count++) {
        memcpy(target + i * size, source + i * size, size);
        __asm__ volatile("" ::: "memory");
      }
    } else if (strcmp(what, "decode") == 0) {
      Frame frame;
      for (size_t at = 0; result.count < n && parse_frame(source + at, bytes - at, &frame);
           at += frame.total) {
        result.sum += frame.payload[0] + (int64_t)frame.length;
        result.count++;
      }
    } else if (strcmp(what, "encode") == 0) {
      for (size_t i = 0, at = 0; i < slots && result.count < n; i++, result.count++) {
        at += build_frame(target + at, 0x80 | OP_TEXT, payload, size, kMask);
        __asm__ volatile("" ::: "memory");
      }
    } else {
      die("no such op: %s", what);
    }
  }
  mark_end(&result);
  answer(&result, n, "");
  free(source);
  free(target);
  free(payload);
}

int main(void) {
  signal(SIGPIPE, SIG_IGN);
  Link link = {0};
  init_link(&link);
  char line[4096], task[16];
  printf("{\"ready\":true}\n");
  fflush(stdout);
  while (fgets(line, sizeof line, stdin)) {
    line[strcspn(line, "\n")] = 0;
    if (!field_text(line, ' ', "task", task, sizeof task)) die("no task in: %s", line);
    if (strcmp(task, "receive") == 0) {
      task_receive(line, &link);
    } else if (strcmp(task, "rtt") == 0) {
      task_rtt(line, &link);
    } else if (strcmp(task, "send") == 0) {
      task_send(line, &link);
    } else if (strcmp(task, "connect") == 0) {
      task_connect(line, &link);
    } else if (strcmp(task, "reconnect") == 0) {
      task_reconnect(line, &link);
    } else if (strcmp(task, "codec") == 0) {
      task_codec(line);
    } else {
      die("no such task: %s", task);
    }
    fflush(stdout);
  }
  return 0;
}
