#pragma once

#include <uv.h>

#include <cstdint>

namespace shared_ws {

// Mask keys from the system's CSPRNG (RFC 6455 10.3: they must not be predictable), fetched 256 at a time: a
// system call per frame would cost more than the frame.
class Entropy {
 public:
  // Four unpredictable bytes, valid until the next call.
  const uint8_t* NextKey() {
    if (used_ == sizeof(keys_)) Refill();
    const uint8_t* key = keys_ + used_;
    used_ += 4;
    return key;
  }

 private:
  void Refill();

  uint8_t keys_[1024];
  size_t used_ = sizeof(keys_);
};

}  // namespace shared_ws
