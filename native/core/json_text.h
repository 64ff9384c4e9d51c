#pragma once

#include <cstddef>
#include <cstdint>

namespace shared_ws {

// Decodes the inside of a JSON string (RFC 8259 section 7) that ends at `end`, to at most `capacity` bytes of
// UTF-8; `length` says how many it would be. False: an escape that there is not, or one of a surrogate
// without its other half.
bool DecodeJsonText(const uint8_t* text, const uint8_t* end, uint8_t* out, size_t capacity, size_t* length);

}  // namespace shared_ws
