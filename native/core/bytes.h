#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <utility>

namespace shared_ws {

// Scanners may read this far past the end of a payload, so every block keeps that much readable room after
// it.
inline constexpr size_t kPaddingBytes = 64;

// A growable block from malloc. It never throws: a call that could not get memory returns false and changes
// nothing. Growth doubles from what is stored, never from what a peer announced, so an announced length costs
// no memory.
class Bytes {
 public:
  Bytes() = default;
  ~Bytes() { std::free(data_); }
  Bytes(Bytes&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)),
        size_(std::exchange(other.size_, 0)),
        capacity_(std::exchange(other.capacity_, 0)) {}
  Bytes& operator=(Bytes&& other) noexcept {
    if (this != &other) {
      std::free(data_);
      data_ = std::exchange(other.data_, nullptr);
      size_ = std::exchange(other.size_, 0);
      capacity_ = std::exchange(other.capacity_, 0);
    }
    return *this;
  }
  Bytes(const Bytes&) = delete;
  Bytes& operator=(const Bytes&) = delete;

  uint8_t* data() { return data_; }
  const uint8_t* data() const { return data_; }
  size_t size() const { return size_; }
  size_t capacity() const { return capacity_; }
  bool empty() const { return size_ == 0; }

  // Makes room for `capacity` bytes in all.
  [[nodiscard]] bool Reserve(size_t capacity) {
    if (capacity <= capacity_ && data_ != nullptr) return true;
    size_t grown = capacity_ * 2 > capacity ? capacity_ * 2 : capacity;
    if (grown < 256) grown = 256;
    auto* moved = static_cast<uint8_t*>(std::realloc(data_, grown + kPaddingBytes));
    if (moved == nullptr) return false;
    data_ = moved;
    capacity_ = grown;
    return true;
  }

  [[nodiscard]] bool Append(const uint8_t* bytes, size_t count) {
    if (!Reserve(size_ + count)) return false;
    if (count > 0) std::memcpy(data_ + size_, bytes, count);
    size_ += count;
    return true;
  }

  // Declares `count` bytes that the caller has written behind the end; room for them must have been reserved.
  void Extend(size_t count) { size_ += count; }

  // Removes `count` bytes at `offset`.
  void Erase(size_t offset, size_t count) {
    std::memmove(data_ + offset, data_ + offset + count, size_ - offset - count);
    size_ -= count;
  }

  // Empties the block and keeps its memory.
  void Clear() { size_ = 0; }

  // Empties the block and gives its memory back.
  void Free() {
    std::free(data_);
    data_ = nullptr;
    size_ = capacity_ = 0;
  }

  // Hands the memory to the caller, who ends it with free().
  uint8_t* Release() {
    size_ = capacity_ = 0;
    return std::exchange(data_, nullptr);
  }

 private:
  uint8_t* data_ = nullptr;
  size_t size_ = 0;
  size_t capacity_ = 0;
};

}  // namespace shared_ws
