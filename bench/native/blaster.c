// blaster [--ca FILE] [--capture FILE]…: listens on ports of 127.0.0.1: plain, TLS, TLS with tickets. Prints
// them as a line of JSON; afterwards a line for each connection that ended. What a connection does is said by
// the path of its request, as in /bulk?run=7&size=150&n=1000000. Ends when its standard input does.
#include "blaster.h"

#include "sha1.h"

#ifdef BENCH_TLS
#include <openssl/pem.h>
#include <openssl/x509v3.h>
static SSL_CTX *tls_context, *tickets_context;  // without session tickets, and with
#endif

static const struct {
  const char* path;
  void (*run)(Connection*);
  bool sends;  // and then closes; the others wait for the client to
} kModes[] = {
    {"/bulk", mode_bulk, true},       {"/paced", mode_paced, true}, {"/replay", mode_replay, true},
    {"/deflate", mode_deflate, true}, {"/gzip", mode_gzip, true},   {"/echo", mode_echo, false},
    {"/sink", mode_sink, false},      {"/idle", mode_idle, false},  {"/subscribe", mode_subscribe, false},
};

typedef struct {
  int fd;
  void* tls;
} Accepted;

static bool header_value(const char* head, const char* name, char* into, size_t room) {
  size_t name_length = strlen(name);
  for (const char* line = strstr(head, "\r\n"); line && line[2]; line = strstr(line + 2, "\r\n")) {
    if (strncasecmp(line + 2, name, name_length) != 0 || line[2 + name_length] != ':') continue;
    const char* value = line + 3 + name_length;
    value += strspn(value, " \t");
    size_t length = strcspn(value, "\r");
    if (length >= room) return false;
    memcpy(into, value, length);
    into[length] = 0;
    return true;
  }
  return false;
}

// CLOSE, then wait (at most 10 s) until the client has read everything and left: an early close(2) would
// reset.
static void close_politely(Connection* connection) {
  uint8_t frame[16], code[2] = {3, 232}, rest[4096];
  struct timeval patience = {.tv_sec = 10};
  setsockopt(connection->stream.fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  if (!stream_write(&connection->stream, frame, build_frame(frame, 0x80 | OP_CLOSE, code, 2, NULL))) return;
  // The client's CLOSE: a server closes TCP first (RFC 6455 7.1.1).
  if (stream_read(&connection->stream, rest, sizeof rest, false) <= 0) return;
  shutdown(connection->stream.fd, SHUT_WR);
  while (recv(connection->stream.fd, rest, sizeof rest, 0) > 0) {
  }
}

static bool upgrade(Connection* connection, char* buffer, size_t room, char* target, size_t target_room) {
  size_t head = 0, have = read_head(&connection->stream, buffer, room, &head);
  if (have == 0) return false;
  connection->glued = (uint8_t*)buffer + head;
  connection->glued_length = have - head;
  buffer[head - 2] = 0;
  char key[64], accept[29], extensions[256] = "", reply[512];
  if (strncmp(buffer, "GET ", 4) != 0 || !header_value(buffer, "Sec-WebSocket-Key", key, sizeof key))
    return false;
  size_t length = strcspn(buffer + 4, " ");
  if (length >= target_room) return false;
  memcpy(target, buffer + 4, length);
  target[length] = 0;
  websocket_accept(key, accept);
  bool deflates = strncmp(target, "/deflate", 8) == 0 &&
                  header_value(buffer, "Sec-WebSocket-Extensions", extensions, sizeof extensions) &&
                  strstr(extensions, "permessage-deflate");
  if (strncmp(target, "/deflate", 8) == 0 && !deflates) return false;
  const char* extension = strstr(target, "takeover=0")
                              ? "Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover\r\n"
                              : "Sec-WebSocket-Extensions: permessage-deflate\r\n";
  int size = snprintf(reply, sizeof reply,
                      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                      "Sec-WebSocket-Accept: %s\r\n%s\r\n",
                      accept, deflates ? extension : "");
  return stream_write(&connection->stream, reply, (size_t)size);
}

static void serve(Connection* connection) {
  char buffer[16384], target[1024];
  int64_t wall = mono_ns(), cpu = clock_ns(CLOCK_THREAD_CPUTIME_ID);
  if (!upgrade(connection, buffer, sizeof buffer, target, sizeof target)) return;
  char* query = strchr(target, '?');
  if (query) *query++ = 0;
  connection->query = query ? query : "";
  connection->tally.error = "no such path";
  for (size_t i = 0; i < sizeof kModes / sizeof *kModes; i++) {
    if (strcmp(kModes[i].path, target) != 0) continue;
    connection->tally.error = NULL;
    kModes[i].run(connection);
    cpu = clock_ns(CLOCK_THREAD_CPUTIME_ID) - cpu;
    wall = mono_ns() - wall;
    if (kModes[i].sends) close_politely(connection);
  }
  if (strcmp(target, "/idle") == 0 || connection->goes_on) return;  // nothing to compare
  const Tally* tally = &connection->tally;
  printf(
      "{\"run\":%lld,\"mode\":\"%s\",\"messages\":%lld,\"sum\":%lld,\"cpuNs\":%lld,\"wallNs\":%lld,\"error\":"
      "\"%s\"}\n",
      (long long)field_number(connection->query, '&', "run", 0), target, (long long)tally->messages,
      (long long)tally->sum, (long long)cpu, (long long)wall, tally->error ? tally->error : "");
  fflush(stdout);
}

static void* connection_main(void* argument) {
  Accepted accepted = *(Accepted*)argument;
  free(argument);
  int on = 1;
  setsockopt(accepted.fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  Connection connection = {.stream = {.fd = accepted.fd}};
  bool ready = true;
#ifdef BENCH_TLS
  if (accepted.tls) ready = stream_start_tls(&connection.stream, accepted.tls, true);
#endif
  if (ready) serve(&connection);
  stream_close(&connection.stream);
#ifdef BENCH_TLS
  OPENSSL_thread_stop();
#endif
  return NULL;
}

typedef struct {
  int fd;
  void* tls;  // SSL_CTX, or null
} Listener;

static void* listener_main(void* argument) {
  const Listener* listener = argument;
  for (;;) {
    int fd = accept(listener->fd, NULL, NULL);
    if (fd < 0 && (errno == EINTR || errno == ECONNABORTED)) continue;
    if (fd < 0) die("accept: %s", strerror(errno));
    Accepted* accepted = must_alloc(sizeof *accepted);
    *accepted = (Accepted){fd, listener->tls};
    pthread_t thread;
    if (pthread_create(&thread, NULL, connection_main, accepted) != 0) die("pthread_create failed");
    pthread_detach(thread);
  }
}

static int listen_here(int* port) {
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t length = sizeof address;
  if (fd < 0 || bind(fd, (struct sockaddr*)&address, length) != 0 || listen(fd, 512) != 0) {
    die("cannot listen on 127.0.0.1: %s", strerror(errno));
  }
  getsockname(fd, (struct sockaddr*)&address, &length);
  *port = ntohs(address.sin_port);
  return fd;
}

#ifdef BENCH_TLS
static void add_extension(X509* certificate, int nid, const char* value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, certificate, certificate, NULL, NULL, 0);
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
  if (!extension || X509_add_ext(certificate, extension, -1) != 1) die("cannot make the certificate");
  X509_EXTENSION_free(extension);
}

static SSL_CTX* make_server_context(X509* certificate, EVP_PKEY* key, bool tickets) {
  SSL_CTX* context = SSL_CTX_new(TLS_server_method());
  SSL_CTX_use_certificate(context, certificate);
  SSL_CTX_use_PrivateKey(context, key);
  SSL_CTX_set_options(context, SSL_OP_IGNORE_UNEXPECTED_EOF);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  if (tickets) return context;
  SSL_CTX_set_num_tickets(context, 0);
  SSL_CTX_set_options(context, SSL_OP_NO_TICKET);
  return context;
}

// A throwaway P-256 certificate for localhost, its own authority, written to `path` for the clients. Two
// contexts use it: without session tickets, so that every handshake is a full one, and with them.
static void make_tls_contexts(const char* path) {
  EVP_PKEY* key = NULL;
  EVP_PKEY_CTX* maker = EVP_PKEY_CTX_new_id(EVP_PKEY_EC, NULL);
  if (EVP_PKEY_keygen_init(maker) != 1 ||
      EVP_PKEY_CTX_set_ec_paramgen_curve_nid(maker, NID_X9_62_prime256v1) != 1 ||
      EVP_PKEY_keygen(maker, &key) != 1) {
    die("cannot make a key");
  }
  EVP_PKEY_CTX_free(maker);
  X509* certificate = X509_new();
  X509_set_version(certificate, 2);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate), (long)time(NULL));
  X509_gmtime_adj(X509_getm_notBefore(certificate), -86400);
  X509_gmtime_adj(X509_getm_notAfter(certificate), 86400 * 7);
  X509_set_pubkey(certificate, key);
  X509_NAME* name = X509_get_subject_name(certificate);
  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char*)"shared-ws bench", -1, -1, 0);
  X509_set_issuer_name(certificate, name);
  add_extension(certificate, NID_basic_constraints, "critical,CA:TRUE");
  add_extension(certificate, NID_subject_alt_name, "DNS:localhost,IP:127.0.0.1");
  if (!X509_sign(certificate, key, EVP_sha256())) die("cannot sign the certificate");
  FILE* file = fopen(path, "w");
  if (!file || PEM_write_X509(file, certificate) != 1 || fclose(file) != 0) die("cannot write %s", path);
  tls_context = make_server_context(certificate, key, false);
  tickets_context = make_server_context(certificate, key, true);
  X509_free(certificate);
  EVP_PKEY_free(key);
}
#endif

int main(int argc, char** argv) {
  signal(SIGPIPE, SIG_IGN);
  const char* ca = NULL;
  for (int i = 1; i + 1 < argc; i += 2) {
    if (strcmp(argv[i], "--ca") == 0) {
      ca = argv[i + 1];
    } else if (strcmp(argv[i], "--capture") == 0) {
      add_capture(argv[i + 1]);
    } else {
      die("usage: blaster [--ca FILE] [--capture FILE]...");
    }
  }
  int plain_port = 0, tls_port = 0, tickets_port = 0;
  static Listener plain, tls, tickets;
  plain.fd = listen_here(&plain_port);
  pthread_t thread;
  pthread_create(&thread, NULL, listener_main, &plain);
#ifdef BENCH_TLS
  if (ca) {
    make_tls_contexts(ca);
    tls = (Listener){listen_here(&tls_port), tls_context};
    pthread_create(&thread, NULL, listener_main, &tls);
    tickets = (Listener){listen_here(&tickets_port), tickets_context};
    pthread_create(&thread, NULL, listener_main, &tickets);
  }
#else
  (void)ca;
  (void)tls;
  (void)tickets;
#endif
  printf("{\"plain\":%d,\"tls\":%d,\"tickets\":%d}\n", plain_port, tls_port, tickets_port);
  fflush(stdout);
  char byte;
  while (read(0, &byte, 1) > 0) {
  }
  return 0;
}
