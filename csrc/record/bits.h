// Bits written one behind the other, and read back; the lowest of a byte first.
#ifndef IGFAST_RECORD_BITS_H
#define IGFAST_RECORD_BITS_H

#include <cstdint>
#include <cstring>
#include <vector>

namespace igfast::record {

// Bits of a number, 0 for 0.
inline int bit_length(std::uint64_t value) { return value == 0 ? 0 : 64 - __builtin_clzll(value); }

class BitWriter {
 public:
  // The lowest `count` bits of `value`, all others 0; up to 56.
  void put(std::uint64_t value, int count) {
    pending_ |= value << filled_;
    filled_ += count;
    if (size_ + 8 > bytes_.size()) {
      bytes_.resize(2 * bytes_.size() + 64);
    }
    std::memcpy(bytes_.data() + size_, &pending_, 8);  // little-endian, as all of the store
    const int whole = filled_ >> 3;
    size_ += static_cast<std::size_t>(whole);
    pending_ >>= 8 * whole;
    filled_ &= 7;
  }

  // Bytes so far, the last one filled up with zeros. Nothing may be put any more.
  std::size_t finish() { return size_ + (filled_ > 0 ? 1 : 0); }

  const std::uint8_t* bytes() const { return bytes_.data(); }

  void clear() {
    size_ = 0;
    pending_ = 0;
    filled_ = 0;
  }

 private:
  std::vector<std::uint8_t> bytes_;
  std::size_t size_ = 0;
  std::uint64_t pending_ = 0;
  int filled_ = 0;  // fewer than 8 between calls
};

// Beyond its end it reads zeros, and is not sound any more.
class BitReader {
 public:
  BitReader(const std::uint8_t* bytes, std::size_t size) : next_(bytes), end_(bytes + size) {}

  // The next bits, 56 or more of them, without taking them.
  std::uint64_t peek() {
    if (end_ - next_ >= 8) {
      std::uint64_t ahead;
      std::memcpy(&ahead, next_, 8);
      pending_ |= ahead << held_;
      const int whole = (63 - held_) >> 3;
      next_ += whole;
      held_ += 8 * whole;
      return pending_;
    }
    while (held_ <= 55) {
      if (next_ < end_) {
        pending_ |= std::uint64_t{*next_++} << held_;
      } else {
        beyond_ += 8;
      }
      held_ += 8;
    }
    return pending_;
  }

  void skip(int count) {
    pending_ >>= count;
    held_ -= count;
  }

  // Up to 56 bits.
  std::uint64_t take(int count) {
    const std::uint64_t found = peek() & ((std::uint64_t{1} << count) - 1);
    skip(count);
    return found;
  }

  // Whether all bytes were read, and none beyond them.
  bool ended() const {
    const int left = held_ - beyond_;
    return next_ == end_ && left >= 0 && left < 8;
  }

 private:
  const std::uint8_t* next_;
  const std::uint8_t* end_;
  std::uint64_t pending_ = 0;
  int held_ = 0;
  int beyond_ = 0;  // bits that no byte held
};

}  // namespace igfast::record

#endif
