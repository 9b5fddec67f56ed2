// Bits written one behind the other, and read back; the lowest of a byte first.
#ifndef IGFAST_RECORD_BITS_H
#define IGFAST_RECORD_BITS_H

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace igfast::record {

// Bits of a number, 0 for 0.
inline int bit_length(std::uint64_t value) { return value == 0 ? 0 : 64 - __builtin_clzll(value); }

// Into room that the caller has made, 8 bytes more than it needs. It owns nothing: a copy in a
// local variable stays in registers, which bytes that are written through a member's pointer
// prevent.
class BitWriter {
 public:
  explicit BitWriter(std::uint8_t* room) : start_(room), next_(room) {}

  // The lowest `count` bits of `value`, all others 0; up to 56.
  void put(std::uint64_t value, int count) {
    pending_ |= value << filled_;
    filled_ += count;
    std::memcpy(next_, &pending_, 8);  // little-endian, as all of the store
    const int whole = filled_ >> 3;
    next_ += whole;
    pending_ >>= 8 * whole;
    filled_ &= 7;
  }

  // Bytes so far, the last one filled up with zeros. Nothing may be put any more.
  std::size_t finish() const {
    return static_cast<std::size_t>(next_ - start_) + (filled_ > 0 ? 1 : 0);
  }

  const std::uint8_t* bytes() const { return start_; }

 private:
  std::uint8_t* start_;
  std::uint8_t* next_;
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

// Elias's gamma code of a number from 0 on, below 2^32.
inline void put_run(BitWriter* to, std::uint64_t run) {
  const int low = bit_length(run + 1) - 1;
  to->put((std::uint64_t{1} << low) - 1, low + 1);
  to->put((run + 1) & ((std::uint64_t{1} << low) - 1), low);
}

inline std::uint64_t get_run(BitReader* from) {
  const int low = __builtin_ctzll(~from->peek() | std::uint64_t{1} << 32);
  from->skip(low + 1);
  return (std::uint64_t{1} << low | from->take(low)) - 1;
}

}  // namespace igfast::record

#endif
