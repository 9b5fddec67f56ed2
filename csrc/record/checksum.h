// The CRC-32 of zlib, of which the compiled code needs nothing else.
#ifndef IGFAST_RECORD_CHECKSUM_H
#define IGFAST_RECORD_CHECKSUM_H

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace igfast::record {

// Tables of eight bytes at once: the remainder of a byte that is followed by 0 to 7 others.
class Checksum {
 public:
  Checksum() {
    for (std::uint32_t byte = 0; byte < 256; ++byte) {
      std::uint32_t rest = byte;
      for (int bit = 0; bit < 8; ++bit) {
        rest = (rest >> 1) ^ (0xEDB88320u & (0u - (rest & 1)));
      }
      tables_[0][byte] = rest;
    }
    for (std::size_t after = 1; after < 8; ++after) {
      for (std::size_t byte = 0; byte < 256; ++byte) {
        const std::uint32_t before = tables_[after - 1][byte];
        tables_[after][byte] = (before >> 8) ^ tables_[0][before & 255];
      }
    }
  }

  std::uint32_t operator()(const std::uint8_t* bytes, std::size_t size, std::uint32_t start) const {
    std::uint32_t rest = ~start;
    for (; size >= 8; size -= 8, bytes += 8) {
      std::uint64_t word;
      std::memcpy(&word, bytes, 8);  // little-endian, as all of the store
      word ^= rest;
      rest = 0;
      for (std::size_t place = 0; place < 8; ++place) {
        rest ^= tables_[7 - place][(word >> (8 * place)) & 255];
      }
    }
    for (; size > 0; --size, ++bytes) {
      rest = (rest >> 8) ^ tables_[0][(rest ^ *bytes) & 255];
    }
    return ~rest;
  }

 private:
  std::array<std::array<std::uint32_t, 256>, 8> tables_{};
};

inline std::uint32_t crc32(const std::uint8_t* bytes, std::size_t size, std::uint32_t start) {
  static const Checksum checksum;
  return checksum(bytes, size, start);
}

}  // namespace igfast::record

#endif
