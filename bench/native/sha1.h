// SHA-1 (RFC 3174) and base64 for Sec-WebSocket-Accept, so that plain cases need no library at all.
#pragma once

#include "wire.h"

static inline uint32_t sha1_rotate(uint32_t value, int bits) {
  return value << bits | value >> (32 - bits);
}

static inline void sha1_block(uint32_t state[5], const uint8_t* block) {
  uint32_t w[80];
  for (int i = 0; i < 16; i++) {
    w[i] = (uint32_t)block[4 * i] << 24 | (uint32_t)block[4 * i + 1] << 16 | (uint32_t)block[4 * i + 2] << 8 |
           block[4 * i + 3];
  }
  for (int i = 16; i < 80; i++) w[i] = sha1_rotate(w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16], 1);
  uint32_t a = state[0], b = state[1], c = state[2], d = state[3], e = state[4];
  for (int i = 0; i < 80; i++) {
    uint32_t f, k;
    if (i < 20) {
      f = (b & c) | (~b & d), k = 0x5a827999;
    } else if (i < 40) {
      f = b ^ c ^ d, k = 0x6ed9eba1;
    } else if (i < 60) {
      f = (b & c) | (b & d) | (c & d), k = 0x8f1bbcdc;
    } else {
      f = b ^ c ^ d, k = 0xca62c1d6;
    }
    uint32_t next = sha1_rotate(a, 5) + f + e + k + w[i];
    e = d, d = c, c = sha1_rotate(b, 30), b = a, a = next;
  }
  state[0] += a, state[1] += b, state[2] += c, state[3] += d, state[4] += e;
}

// Texts of at most 119 bytes: two blocks are enough for a key and the GUID of RFC 6455.
static inline void sha1_short(const char* text, uint8_t digest[20]) {
  size_t length = strlen(text);
  uint8_t padded[128] = {0};
  size_t blocks = length < 56 ? 1 : 2;
  if (length > 119) die("sha1_short: %zu bytes", length);
  memcpy(padded, text, length);
  padded[length] = 0x80;
  padded[blocks * 64 - 2] = (uint8_t)(length * 8 >> 8);
  padded[blocks * 64 - 1] = (uint8_t)(length * 8);
  uint32_t state[5] = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0};
  for (size_t i = 0; i < blocks; i++) sha1_block(state, padded + 64 * i);
  for (int i = 0; i < 20; i++) digest[i] = (uint8_t)(state[i / 4] >> (24 - 8 * (i % 4)));
}

// 20 bytes become 28 characters and a zero.
static inline void base64_digest(const uint8_t digest[20], char into[29]) {
  static const char kAlphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  for (int i = 0; i < 7; i++) {
    uint32_t group =
        (uint32_t)digest[3 * i] << 16 | (uint32_t)digest[3 * i + 1] << 8 | (i < 6 ? digest[3 * i + 2] : 0);
    for (int j = 0; j < 4; j++) into[4 * i + j] = kAlphabet[group >> (18 - 6 * j) & 63];
  }
  into[27] = '=';
  into[28] = 0;
}

static inline void websocket_accept(const char* key, char into[29]) {
  char joined[120];
  uint8_t digest[20];
  snprintf(joined, sizeof joined, "%.60s258EAFA5-E914-47DA-95CA-C5AB0DC85B11", key);
  sha1_short(joined, digest);
  base64_digest(digest, into);
}
