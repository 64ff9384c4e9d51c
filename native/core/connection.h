#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>

#include "bytes.h"
#include "extensions.h"
#include "frame.h"
#include "frame_decoder.h"
#include "message_assembler.h"
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
      : limits_(limits), extensions_(extensions), assembler_(limits.max_message_bytes) {}

  // Takes bytes from the peer; returns how many were consumed: all, unless sink.Accepts() said no, and then
  // the caller hands in the rest later. A partial frame is kept in memory of the connection. After a close
  // frame or a violation everything is consumed and discarded.
  template <class Sink>
  size_t Consume(const uint8_t* data, size_t n, Sink& sink) {
    size_t at = 0;
    while (at < n && !ended()) {
      if (!sink.Accepts()) return at;
      at += Next(data + at, n - at, sink);
    }
    return n;
  }

  // The first violation, for ever; kOk before it.
  Status status() const { return status_; }

  bool close_received() const { return close_received_; }

  // Between the first byte and the end of a frame or of a fragmented message. False after a close frame or a
  // violation.
  bool mid_message() const { return !idle_; }

 private:
  // What Advance() found; the template turns it into a call, so that all else is compiled once.
  struct Event {
    enum Kind : uint8_t { kNone, kMessage, kAssembled, kPing, kPong, kClose, kViolation };
    Kind kind = kNone;
    bool ascii = false;
    Opcode opcode = Opcode::kText;
    uint16_t close_code = 0;
    const uint8_t* payload = nullptr;
    size_t size = 0;
  };

  bool ended() const { return close_received_ || status_ != Status::kOk; }

  // Consumes at most one frame.
  template <class Sink>
  size_t Next(const uint8_t* data, size_t n, Sink& sink) {
    // The road of nearly all frames: a whole message that lies in `data`. Whatever is unusual, bad text
    // included, is judged from the same byte again by Advance().
    FrameHeader header;
    Status violation;
    if (idle_ &&
        ParseFrameHeader(data, n, limits_.max_frame_bytes, &header, &violation) == HeaderParse::kDone &&
        header.fin && !header.IsControl() && header.payload <= n - header.bytes &&
        assembler_.Check(header) == Status::kOk) {
      const uint8_t* payload = data + header.bytes;
      const size_t size = static_cast<size_t>(header.payload);
      if (header.opcode == Opcode::kBinary) {
        sink.OnMessage(Opcode::kBinary, false, payload, size);
        return header.bytes + size;
      }
      const Utf8Result text = ValidateUtf8(payload, size);
      if (text != Utf8Result::kInvalid) {
        sink.OnMessage(Opcode::kText, text == Utf8Result::kAscii, payload, size);
        return header.bytes + size;
      }
    }

    Event event;
    const size_t used = Advance(data, n, &event);
    Emit(event, sink);
    return used;
  }

  template <class Sink>
  void Emit(const Event& event, Sink& sink) {
    switch (event.kind) {
      case Event::kNone:
        return;
      case Event::kMessage:
        return sink.OnMessage(event.opcode, event.ascii, event.payload, event.size);
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

  size_t Advance(const uint8_t* data, size_t n, Event* event);
  Status ReadHeader(const uint8_t* data, size_t n, size_t* used);
  Status ReadControl(const uint8_t* part, size_t n, Event* event);
  Status ReadData(const uint8_t* part, size_t n, Event* event);
  Status EndControl(const uint8_t* payload, size_t n, Event* event);
  void End();

  const Limits limits_;
  const Extensions extensions_;
  MessageAssembler assembler_;
  FrameHeader frame_ = {};  // the frame begun, while in_frame_
  uint64_t left_ = 0;       // its payload bytes still to come
  Status status_ = Status::kOk;
  bool close_received_ = false;
  bool idle_ = true;  // between messages, and no byte of the next one has come
  bool in_frame_ = false;
  uint8_t header_size_ = 0;   // bytes in header_
  uint8_t control_size_ = 0;  // bytes in control_
  uint8_t header_[kMaxServerHeaderBytes];
  uint8_t control_[kMaxControlPayloadBytes];
};

}  // namespace shared_ws
