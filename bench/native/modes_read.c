// The modes that read what the client sends: echo, sink, idle.
#include "blaster.h"

enum { READ_BYTES = 256 * 1024 };

static uint8_t first_byte(const Frame* frame) {
  return frame->length > 0 ? (uint8_t)(frame->payload[0] ^ (frame->masked ? frame->mask[0] : 0)) : 0;
}

void read_frames(Connection* connection, bool spin, OnFrame on_frame, OnRead on_read) {
  uint8_t* buffer = must_alloc(2 * READ_BYTES);
  size_t have = connection->glued_length;
  memcpy(buffer, connection->glued, have);
  for (bool going = true; going;) {
    size_t at = 0;
    Frame frame;
    while (going && parse_frame(buffer + at, have - at, &frame)) {
      if (!frame.masked) {
        connection->tally.error = "the client sent a frame without a mask";
        going = false;
      } else if (frame.opcode == OP_CLOSE) {
        uint8_t reply[127], code[2] = {3, 232};
        stream_write(&connection->stream, reply, build_frame(reply, 0x80 | OP_CLOSE, code, 2, NULL));
        going = false;
      } else {
        going = on_frame(connection, &frame);
      }
      at += frame.total;
    }
    if (at > 0 && on_read && !on_read(connection)) break;
    if (!going) break;
    if (frame.total > 2 * READ_BYTES) {
      connection->tally.error = "a frame larger than the server's buffer";
      break;
    }
    memmove(buffer, buffer + at, have - at);
    have -= at;
    ssize_t got = stream_read(&connection->stream, buffer + have, 2 * READ_BYTES - have, spin);
    if (got <= 0) break;
    have += (size_t)got;
  }
  free(buffer);
}

static bool echo_frame(Connection* connection, const Frame* frame) {
  if (frame->opcode != OP_TEXT && frame->opcode != OP_BINARY) return true;
  uint8_t reply[4096 + 14], plain[4096];
  if (frame->length > sizeof plain) {
    connection->tally.error = "echo takes at most 4096 bytes";
    return false;
  }
  for (size_t i = 0; i < frame->length; i++) plain[i] = frame->payload[i] ^ frame->mask[i & 3];
  tally_add(&connection->tally, plain, frame->length);
  return stream_write(&connection->stream, reply,
                      build_frame(reply, 0x80 | frame->opcode, plain, frame->length, NULL));
}

void mode_echo(Connection* connection) {
  read_frames(connection, field_number(connection->query, '&', "spin", 0) != 0, echo_frame, NULL);
}

static bool count_frame(Connection* connection, const Frame* frame) {
  if (frame->opcode != OP_TEXT && frame->opcode != OP_BINARY) return true;
  connection->tally.messages++;
  connection->tally.sum += first_byte(frame) + (int64_t)frame->length;
  if (connection->tally.messages == field_number(connection->query, '&', "n", 0)) {
    uint8_t reply[16];
    stream_write(&connection->stream, reply, build_frame(reply, 0x80 | OP_TEXT, "done", 4, NULL));
  }
  return true;
}

// Counts what comes and says `done` when `n` have come.
void mode_sink(Connection* connection) {
  read_frames(connection, false, count_frame, NULL);
}

static bool ignore_frame(Connection* connection, const Frame* frame) {
  (void)connection;
  (void)frame;
  return true;
}

void mode_idle(Connection* connection) {
  read_frames(connection, false, ignore_frame, NULL);
}
