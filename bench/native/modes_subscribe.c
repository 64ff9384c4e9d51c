// Subscriptions, acknowledged; and a connection that is reset when the client says so: what it costs to come
// back.
#include "blaster.h"

enum { MAX_TEXT = 8192 };
static const char kData[] = "{\"topic\":\"trade.COIN000-USDT\",\"data\":[]}";
static const char kRequest[] = "{\"op\":\"subscribe\",";

// What the connections of one run have in common; they come one after another. The client reports all of them
// together, so that this does too.
static struct {
  pthread_mutex_t lock;
  int64_t run;
  Tally tally;
  int64_t reset_ns;  // when the connection before was reset; 0: none was
} life = {.lock = PTHREAD_MUTEX_INITIALIZER};

// The answers to what one read has brought, which leave together.
typedef struct {
  uint8_t* bytes;
  size_t length, room;
  int64_t reset_ns;
  bool reset;
} Answers;

static void append(Answers* answers, const char* text, size_t length) {
  if (answers->length + length + 14 > answers->room) {
    answers->room = 2 * (answers->room + length + 14);
    answers->bytes = realloc(answers->bytes, answers->room);
    if (!answers->bytes) die("out of memory: %zu bytes", answers->room);
  }
  answers->length += build_frame(answers->bytes + answers->length, 0x80 | OP_TEXT, text, length, NULL);
}

// The request itself, its `op` replaced by what became of it.
static bool answer(Connection* connection, const Frame* frame) {
  Answers* answers = connection->state;
  char text[MAX_TEXT + 1], reply[MAX_TEXT + 64];
  if (frame->opcode != OP_TEXT || frame->length > MAX_TEXT) {
    connection->tally.error = "not a subscription of this bench";
    return false;
  }
  for (size_t i = 0; i < frame->length; i++) text[i] = (char)(frame->payload[i] ^ frame->mask[i & 3]);
  text[frame->length] = 0;
  if (strcmp(text, "reset") == 0) {
    answers->reset = true;
    return false;
  }
  if (strncmp(text, kRequest, sizeof kRequest - 1) != 0) {
    connection->tally.error = "not a subscription of this bench";
    return false;
  }
  size_t length = (size_t)snprintf(reply, sizeof reply, "{\"success\":true,\"resetNs\":%lld,%s",
                                   (long long)answers->reset_ns, text + sizeof kRequest - 1);
  append(answers, reply, length);
  tally_add(&connection->tally, (const uint8_t*)reply, length);
  return true;
}

// Data follows, as it does in earnest: the connection has proven to work. It is not counted.
static bool send_answers(Connection* connection) {
  Answers* answers = connection->state;
  if (answers->reset) return true;
  append(answers, kData, sizeof kData - 1);
  bool sent = stream_write(&connection->stream, answers->bytes, answers->length);
  answers->length = 0;
  return sent;
}

void mode_subscribe(Connection* connection) {
  int64_t run = field_number(connection->query, '&', "run", 0);
  Answers answers = {.bytes = must_alloc(MAX_TEXT), .room = MAX_TEXT};
  connection->state = &answers;
  pthread_mutex_lock(&life.lock);
  if (life.run != run) {
    life.run = run;
    life.tally = (Tally){0};
    life.reset_ns = 0;
  }
  answers.reset_ns = life.reset_ns;
  pthread_mutex_unlock(&life.lock);

  read_frames(connection, false, answer, send_answers);

  pthread_mutex_lock(&life.lock);
  life.tally.messages += connection->tally.messages;
  life.tally.sum += connection->tally.sum;
  if (connection->tally.error) life.tally.error = connection->tally.error;
  connection->tally = life.tally;
  life.reset_ns = mono_ns();
  pthread_mutex_unlock(&life.lock);
  free(answers.bytes);
  if (!answers.reset) return;
  connection->goes_on = true;
  struct linger at_once = {.l_onoff = 1};  // close(2) then sends RST
  setsockopt(connection->stream.fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
}
