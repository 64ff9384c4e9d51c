#pragma once

#include <cstddef>
#include <cstdint>

#include "bytes.h"
#include "extensions.h"
#include "inflate.h"
#include "status.h"

namespace shared_ws {

// Memory that a sink lends for inflating; `size` also bounds the work of one call.
struct InflateRoom {
  uint8_t* data = nullptr;
  size_t size = 0;
};

// Where the bytes of a message go while it is inflated: into the room lent, if the message may end within
// this call and so in there, else into `bytes`, which grow with what is written.
class InflateOutput {
 public:
  InflateOutput(const InflateRoom& room, bool may_end_in_room, Bytes& bytes)
      : room_(room.data),
        budget_(room.size),
        in_room_(may_end_in_room && room.data != nullptr),
        bytes_(bytes) {}

  // Where the next bytes go, and for how many there is place; null when there is no memory.
  uint8_t* Place(size_t* size);
  void Wrote(size_t count);
  // Bytes were inflated that are not output yet.
  void Worked(size_t count) { worked_ += count; }
  // One call should do no more than this.
  bool Exhausted() const { return worked_ + written_ >= budget_; }

  // All of it lies in the room.
  bool in_room() const { return in_room_; }
  size_t written() const { return written_; }
  // Moves what lies in the room to `bytes`. False: no memory.
  bool LeaveRoom();

 private:
  uint8_t* const room_;
  const size_t budget_;
  bool in_room_;
  size_t written_ = 0;
  size_t worked_ = 0;
  Bytes& bytes_;
};

// Inflates the messages of one connection: what permessage-deflate compressed (RFC 7692 7.2.2), binary
// messages that are streams of a compressed format of the application's, and both at once. Limits hold before
// and after each.
class MessageInflater {
 public:
  MessageInflater(const Extensions& extensions, uint64_t max_message_bytes);

  // A message begins. `compressed`: with RSV1 set. `unpack`: the application's format comes next.
  void Begin(bool compressed, bool unpack);

  // Takes payload bytes of the message, across its frames. Stops early, with `used` less than n, when the
  // output is exhausted: the rest is handed in again.
  Status Take(const uint8_t* in, size_t n, size_t* used, InflateOutput& out);

  // The message has ended; all its bytes were taken.
  Status Finish(InflateOutput& out);

  // Gives the memory back. Nothing may follow.
  void Free();

 private:
  Status Decompress(const uint8_t** in, size_t* n, InflateOutput& out);
  Status Unpack(const uint8_t** in, size_t* n, InflateOutput& out, bool may_stop);
  Status WriteTo(Inflater& inflater, const uint8_t** in, size_t* n, InflateOutput& out,
                 Inflater::Result* result);

  const uint64_t max_message_bytes_;
  const bool keep_window_;
  const bool has_members_;
  Inflater deflate_;
  Inflater format_;
  bool compressed_ = false;
  bool unpack_ = false;
  bool started_ = false;       // a byte of the compressed message was taken
  bool stream_ended_ = false;  // by a block that says it is the last, and nothing came behind it
  bool member_ended_ = false;  // the same, of the application's format
  uint64_t decompressed_ = 0;  // bytes of this message out of permessage-deflate
  uint64_t written_ = 0;       // bytes of this message in the end
};

}  // namespace shared_ws
