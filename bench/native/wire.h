// What the bench's server and its C client share: time, frames on the wire, a stream that is plain or TLS,
// and query strings. Header only, C11 and (for the codec)
// C++20, Linux and macOS.
#pragma once

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#ifdef BENCH_TLS
#include <openssl/err.h>
#include <openssl/ssl.h>
#endif

#ifndef MSG_NOSIGNAL  // macOS: SIGPIPE is ignored instead
#define MSG_NOSIGNAL 0
#endif

enum { OP_TEXT = 1, OP_BINARY = 2, OP_CLOSE = 8, OP_PING = 9, OP_PONG = 10 };

#ifdef __cplusplus
#define BENCH_NORETURN [[noreturn]]
#else
#define BENCH_NORETURN _Noreturn
#endif

BENCH_NORETURN static inline void die(const char* format, ...) {
  va_list args;
  va_start(args, format);
  vfprintf(stderr, format, args);
  va_end(args);
  fputc('\n', stderr);
  exit(1);
}

static inline void* must_alloc(size_t bytes) {
  void* memory = malloc(bytes);
  if (!memory) die("out of memory: %zu bytes", bytes);
  return memory;
}

static inline int64_t clock_ns(clockid_t clock) {
  struct timespec t;
  clock_gettime(clock, &t);
  return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static inline int64_t mono_ns(void) {
  return clock_ns(CLOCK_MONOTONIC);
}

// User and system time of every thread of this process.
static inline int64_t process_cpu_ns(void) {
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  return ((int64_t)usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000000 +
         ((int64_t)usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1000;
}

// ---- frames (RFC 6455 5.2) ----

typedef struct {
  uint8_t opcode;
  bool masked;
  const uint8_t* mask;
  const uint8_t* payload;
  uint64_t length;
  size_t total;  // header and payload
} Frame;

// Reads the frame at the start of `bytes`. False: it is not complete yet; `frame->total` is then its size, or
// 0 when not even the header is there.
static inline bool parse_frame(const uint8_t* bytes, size_t available, Frame* frame) {
  frame->total = 0;
  if (available < 2) return false;
  size_t header = 2;
  uint64_t length = bytes[1] & 127;
  if (length == 126) {
    if (available < 4) return false;
    length = (uint64_t)bytes[2] << 8 | bytes[3];
    header = 4;
  } else if (length == 127) {
    if (available < 10) return false;
    length = 0;
    for (int i = 2; i < 10; i++) length = length << 8 | bytes[i];
    header = 10;
  }
  frame->opcode = bytes[0] & 15;
  frame->masked = bytes[1] >> 7;
  frame->mask = bytes + header;
  if (frame->masked) header += 4;
  frame->payload = bytes + header;
  frame->length = length;
  frame->total = header + length;
  return available >= frame->total;
}

// Writes a frame and returns its size; `into` needs 14 bytes more than the payload. No mask: NULL.
static inline size_t build_frame(uint8_t* into, uint8_t first, const void* payload, size_t length,
                                 const uint8_t* mask) {
  uint8_t masked = mask ? 128 : 0;
  size_t at = 2;
  into[0] = first;
  if (length < 126) {
    into[1] = masked | (uint8_t)length;
  } else if (length < 65536) {
    into[1] = masked | 126;
    into[2] = (uint8_t)(length >> 8);
    into[3] = (uint8_t)length;
    at = 4;
  } else {
    into[1] = masked | 127;
    for (int i = 0; i < 8; i++) into[2 + i] = (uint8_t)((uint64_t)length >> (56 - 8 * i));
    at = 10;
  }
  if (!mask) {
    memcpy(into + at, payload, length);
    return at + length;
  }
  memcpy(into + at, mask, 4);
  at += 4;
  const uint8_t* from = (const uint8_t*)payload;
  uint64_t key = 0;
  memcpy(&key, mask, 4);
  key |= key << 32;
  size_t i = 0;
  for (; i + 8 <= length; i += 8) {
    uint64_t word;
    memcpy(&word, from + i, 8);
    word ^= key;
    memcpy(into + at + i, &word, 8);
  }
  for (; i < length; i++) into[at + i] = from[i] ^ mask[i & 3];
  return at + length;
}

// ---- streams ----

typedef struct {
  int fd;
#ifdef BENCH_TLS
  SSL* ssl;
  BIO* out;  // TLS, after the handshake: records gather here until stream_flush
#endif
} Stream;

static inline bool send_all(int fd, const void* bytes, size_t length) {
  const uint8_t* at = (const uint8_t*)bytes;
  while (length > 0) {
    ssize_t sent = send(fd, at, length, MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent <= 0) return false;
    at += sent;
    length -= (size_t)sent;
  }
  return true;
}

static inline bool stream_flush(Stream* stream) {
#ifdef BENCH_TLS
  if (stream->out) {
    char* bytes;
    long length = BIO_get_mem_data(stream->out, &bytes);
    bool sent = send_all(stream->fd, bytes, (size_t)length);
    (void)BIO_reset(stream->out);
    return sent;
  }
#else
  (void)stream;
#endif
  return true;
}

// One write of the stream: plain, a send at once; TLS, records of at most 16 KB that wait for stream_flush.
static inline bool stream_put(Stream* stream, const void* bytes, size_t length) {
#ifdef BENCH_TLS
  if (stream->ssl) return SSL_write(stream->ssl, bytes, (int)length) == (int)length;
#endif
  return send_all(stream->fd, bytes, length);
}

static inline bool stream_write(Stream* stream, const void* bytes, size_t length) {
  return stream_put(stream, bytes, length) && stream_flush(stream);
}

// Blocks until there are bytes; with `spin` it asks again and again instead. 0 or less: the end.
static inline ssize_t stream_read(Stream* stream, void* into, size_t room, bool spin) {
#ifdef BENCH_TLS
  if (stream->ssl) return SSL_read(stream->ssl, into, (int)room);
#endif
  for (;;) {
    ssize_t got = recv(stream->fd, into, room, spin ? MSG_DONTWAIT : 0);
    if (got < 0 && (errno == EINTR || (spin && (errno == EAGAIN || errno == EWOULDBLOCK)))) continue;
    return got;
  }
}

static inline void stream_close(Stream* stream) {
#ifdef BENCH_TLS
  if (stream->ssl) {
    SSL_shutdown(stream->ssl);
    stream_flush(stream);
    SSL_free(stream->ssl);  // frees both BIOs
  }
#endif
  close(stream->fd);
}

#ifdef BENCH_TLS
enum { TLS_READ_BYTES = 256 * 1024 };

// The handshake runs on the socket itself. Afterwards what is written gathers in memory, so that the caller
// decides how many records one send carries, and what is read comes through a buffer, many records a recv.
// OpenSSL's own read-ahead would move the rest of its buffer for every record.
static inline bool stream_start_tls(Stream* stream, SSL_CTX* context, bool server) {
  stream->ssl = SSL_new(context);
  SSL_SESSION* offered = server ? NULL : SSL_CTX_get_app_data(context);
  if (offered) SSL_set_session(stream->ssl, offered);
  SSL_set_fd(stream->ssl, stream->fd);
  if ((server ? SSL_accept(stream->ssl) : SSL_connect(stream->ssl)) != 1) return false;
  stream->out = BIO_new(BIO_s_mem());
  BIO_set_mem_eof_return(stream->out, -1);
  BIO* buffered = BIO_new(BIO_f_buffer());
  if (BIO_set_read_buffer_size(buffered, TLS_READ_BYTES) != 1) return false;
  SSL_set0_wbio(stream->ssl, stream->out);
  SSL_set0_rbio(stream->ssl, BIO_push(buffered, BIO_new_socket(stream->fd, BIO_NOCLOSE)));
  return true;
}
#endif

// Reads up to and with the blank line of an HTTP head. Returns all bytes read (what follows the head comes
// glued), with the head's size in `head`; 0 when the peer left or the head does not fit.
static inline size_t read_head(Stream* stream, char* into, size_t room, size_t* head) {
  size_t have = 0;
  while (have + 1 < room) {
    ssize_t got = stream_read(stream, into + have, room - have - 1, false);
    if (got <= 0) return 0;
    have += (size_t)got;
    into[have] = 0;
    char* end = strstr(into, "\r\n\r\n");
    if (end) {
      *head = (size_t)(end - into) + 4;
      return have;
    }
  }
  return 0;
}

// ---- `key=value` lists: query strings ('&' between fields) and task lines of clients (' ') ----

static inline bool field_text(const char* list, char separator, const char* key, char* into, size_t room) {
  const char separators[] = {separator, 0};
  size_t key_length = strlen(key);
  for (const char* at = list; at && *at;) {
    size_t field = strcspn(at, separators);
    if (field > key_length && strncmp(at, key, key_length) == 0 && at[key_length] == '=') {
      size_t length = field - key_length - 1;
      if (length >= room) return false;
      memcpy(into, at + key_length + 1, length);
      into[length] = 0;
      return true;
    }
    at += field;
    at += strspn(at, separators);
  }
  return false;
}

static inline int64_t field_number(const char* list, char separator, const char* key, int64_t otherwise) {
  char text[32];
  return field_text(list, separator, key, text, sizeof text) ? strtoll(text, NULL, 10) : otherwise;
}
