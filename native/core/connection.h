#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>

#include "bytes.h"
#include "extensions.h"
#include "frame.h"
#include "frame_decoder.h"
#include "message_assembler.h"
#include "message_inflater.h"
#include "status.h"
#include "utf8.h"

namespace shared_ws {

// The receiving half of a client's WebSocket: bytes from the server in, events out. No socket, no clock, no
// thread: one caller at a time, and the sink must neither call back into the connection nor destroy it.
//
// A sink has these members, called in wire order:
//   bool Accepts();
//     Asked before each frame, or rest of a frame; a yes is followed by at most one of the calls below.
//   void OnMessage(Opcode opcode, bool ascii, const uint8_t* payload, size_t n);
//     kText (checked to be UTF-8) or kBinary, unfragmented and whole inside `data`: payload points into it.
//   void OnAssembled(Opcode opcode, bool ascii, Bytes&& payload);
//     The message was fragmented or split over reads. The sink moves the memory out; what it leaves is freed.
//     data() is null when the message is empty.
//   InflateRoom Room();
//     Asked, after Accepts(), before bytes that have to be inflated are. `size` 0 is a no, as of Accepts().
//     About `size` bytes are inflated until it is asked again; if that leaves input, Consume() returns, as
//     after a no. Inflated bytes may lie anywhere in `data` until the next call of the sink; without `data`
//     all of them go to OnAssembled().
//   void OnInflated(Opcode opcode, bool ascii, size_t n);
//     As OnMessage(), of a message that has been inflated to the first n bytes of the room.
//   void OnPing(const uint8_t* payload, size_t n);
//   void OnPong(const uint8_t* payload, size_t n);
//   void OnClose(uint16_t code, const uint8_t* reason, size_t n);
//     kNoCloseCode when the frame carries none. At most once, and nothing follows it.
//   void OnViolation(Status status);
//     At most once, and nothing follows it.
// Payloads of control frames are valid during the call.
class Connection {
 public:
  explicit Connection(const Limits& limits, const Extensions& extensions = {})
      : limits_(limits),
        may_compress_(extensions.deflate.has_value()),
        unpacks_(extensions.inflate_binary != BinaryFormat::kAsIs),
        assembler_(limits.max_message_bytes),
        inflater_(extensions, limits.max_message_bytes) {}

  // Takes bytes from the peer; returns how many were consumed: all, unless the sink said no, and then
  // the caller hands in the rest later. A partial frame is kept in memory of the connection. After a close
  // frame or a violation everything is consumed and discarded.
  template <class Sink>
  size_t Consume(const uint8_t* data, size_t n, Sink& sink) {
    size_t at = 0;
    while (at < n && !ended()) {
      if (!sink.Accepts()) return at;
      if (const size_t used = TakeWhole(data + at, n - at, sink); used > 0) {
        at += used;
        continue;
      }
      InflateRoom room;
      if (inflates()) {
        room = sink.Room();
        if (room.size == 0) return at;
      }
      Event event;
      at += Advance(data + at, n - at, room, &event);
      Emit(event, sink);
      if (event.kind == Event::kExhausted) return at;
    }
    return n;
  }

  // Some of the messages may have to be inflated: the sink is asked for room.
  bool inflates() const { return may_compress_ || unpacks_; }

  // The first violation, for ever; kOk before it.
  Status status() const { return status_; }

  bool close_received() const { return close_received_; }

  // Between the first byte and the end of a frame or of a fragmented message. False after a close frame or a
  // violation.
  bool mid_message() const { return !idle_; }

 private:
  // What Advance() found; the template turns it into a call, so that all else is compiled once.
  struct Event {
    enum Kind : uint8_t {
      kNone,
      kMessage,
      kInflated,
      kAssembled,
      kExhausted,
      kPing,
      kPong,
      kClose,
      kViolation
    };
    Kind kind = kNone;
    bool ascii = false;
    Opcode opcode = Opcode::kText;
    uint16_t close_code = 0;
    const uint8_t* payload = nullptr;
    size_t size = 0;
  };

  bool ended() const { return close_received_ || status_ != Status::kOk; }

  // The road of nearly all frames: a whole message that lies in `data` and is delivered from there. Returns
  // the bytes consumed; 0 for whatever is unusual, bad text included, which is judged from the same byte by
  // Advance().
  template <class Sink>
  size_t TakeWhole(const uint8_t* data, size_t n, Sink& sink) {
    FrameHeader header;
    Status violation;
    if (!idle_ ||
        ParseFrameHeader(data, n, limits_.max_frame_bytes, &header, &violation) != HeaderParse::kDone ||
        !header.fin || header.IsControl() || header.payload > n - header.bytes ||
        assembler_.Check(header) != Status::kOk) {
      return 0;
    }
    const uint8_t* payload = data + header.bytes;
    const size_t size = static_cast<size_t>(header.payload);
    if (header.opcode == Opcode::kBinary) {
      if (unpacks_) return 0;
      sink.OnMessage(Opcode::kBinary, false, payload, size);
      return header.bytes + size;
    }
    const Utf8Result text = ValidateUtf8(payload, size);
    if (text == Utf8Result::kInvalid) return 0;
    sink.OnMessage(Opcode::kText, text == Utf8Result::kAscii, payload, size);
    return header.bytes + size;
  }

  template <class Sink>
  void Emit(const Event& event, Sink& sink) {
    switch (event.kind) {
      case Event::kNone:
      case Event::kExhausted:
        return;
      case Event::kMessage:
        return sink.OnMessage(event.opcode, event.ascii, event.payload, event.size);
      case Event::kInflated:
        return sink.OnInflated(event.opcode, event.ascii, event.size);
      case Event::kAssembled:
        sink.OnAssembled(event.opcode, event.ascii, std::move(assembler_.bytes()));
        return assembler_.Reset();
      case Event::kPing:
        return sink.OnPing(event.payload, event.size);
      case Event::kPong:
        return sink.OnPong(event.payload, event.size);
      case Event::kClose:
        return sink.OnClose(event.close_code, event.payload, event.size);
      case Event::kViolation:
        return sink.OnViolation(status_);
    }
  }

  // Consumes at most one frame.
  size_t Advance(const uint8_t* data, size_t n, const InflateRoom& room, Event* event);
  Status ReadHeader(const uint8_t* data, size_t n, size_t* used);
  Status ReadControl(const uint8_t* part, size_t n, Event* event);
  Status ReadData(const uint8_t* part, size_t n, Event* event);
  Status ReadInflated(const uint8_t* part, size_t* n, const InflateRoom& room, Event* event);
  Status NotUtf8() const;
  Status EndControl(const uint8_t* payload, size_t n, Event* event);
  void End();

  const Limits limits_;
  const bool may_compress_;  // permessage-deflate
  const bool unpacks_;       // binary messages
  MessageAssembler assembler_;
  MessageInflater inflater_;
  FrameHeader frame_ = {};  // the frame begun, while in_frame_
  uint64_t left_ = 0;       // its payload bytes still to come
  Status status_ = Status::kOk;
  bool close_received_ = false;
  bool idle_ = true;  // between messages, and no byte of the next one has come
  bool in_frame_ = false;
  bool fresh_frame_ = false;  // data frame of which Begin() is still to come
  bool inflating_ = false;    // the message begun has to be inflated
  bool unpacking_ = false;    // it is binary, and its payload text in a compressed format
  uint8_t header_size_ = 0;   // bytes in header_
  uint8_t control_size_ = 0;  // bytes in control_
  uint8_t header_[kMaxServerHeaderBytes];
  uint8_t control_[kMaxControlPayloadBytes];
};

}  // namespace shared_ws
