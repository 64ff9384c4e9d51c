#pragma once

#include <cstddef>
#include <cstdint>

#include "simd.h"

namespace shared_ws {

// RFC 6455 5.3: writes in[i] ^ key[i % 4] to out[i]. `out` is `in` itself or does not overlap it.
void MaskCopy(uint8_t* out, const uint8_t* in, size_t n, const uint8_t key[4]);

}  // namespace shared_ws
