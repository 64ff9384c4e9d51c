#include "io/entropy.h"

#include <cstdlib>

namespace shared_ws {

void Entropy::Refill() {
  // Without a callback uv_random answers synchronously. It fails only where the system has no random source
  // at all; sending with predictable masks instead would be worse than stopping.
  if (uv_random(nullptr, nullptr, keys_, sizeof(keys_), 0, nullptr) != 0) std::abort();
  used_ = 0;
}

}  // namespace shared_ws
