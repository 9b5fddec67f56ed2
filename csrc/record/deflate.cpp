#include "record/deflate.h"

#include <algorithm>

#include "record/bits.h"

namespace igfast::record {
namespace {

constexpr std::size_t kLeastRun = 3, kMostRun = 258;  // that one code can repeat
constexpr int kDistanceBits = 5;

// Codes are written from their highest bit on, all else from the lowest.
std::uint64_t reversed(std::uint64_t code, int bits) {
  std::uint64_t found = 0;
  for (int bit = 0; bit < bits; ++bit) {
    found |= (code >> bit & 1) << (bits - 1 - bit);
  }
  return found;
}

struct Code {
  std::uint64_t bits;
  int length;
};

// RFC 1951, 3.2.6.
Code fixed(std::uint64_t symbol) {
  if (symbol < 144) {
    return {reversed(0x30 + symbol, 8), 8};
  }
  if (symbol < 256) {
    return {reversed(0x190 + symbol - 144, 9), 9};
  }
  if (symbol < 280) {
    return {reversed(symbol - 256, 7), 7};
  }
  return {reversed(0xC0 + symbol - 280, 8), 8};
}

// A run's length as a symbol with the bits that follow it, 3.2.5, and the distance 1.
Code repeat(std::size_t length) {
  const auto above = static_cast<std::uint64_t>(length - kLeastRun);
  if (length == kMostRun) {
    const Code code = fixed(285);
    return {code.bits, code.length + kDistanceBits};
  }
  const int extra = std::max(bit_length(above) - 3, 0);
  const Code code = fixed(257 + (above >> extra) + 4 * static_cast<std::uint64_t>(extra));
  const std::uint64_t rest = above & ((std::uint64_t{1} << extra) - 1);
  return {code.bits | rest << code.length, code.length + extra + kDistanceBits};
}

struct Codes {
  Codes() {
    for (std::size_t byte = 0; byte < 256; ++byte) {
      literal[byte] = fixed(byte);
    }
    for (std::size_t length = kLeastRun; length <= kMostRun; ++length) {
      run[length] = repeat(length);
    }
  }

  Code literal[256];
  Code run[kMostRun + 1] = {};
};

std::uint32_t adler(const std::uint8_t* bytes, std::size_t size) {
  constexpr std::uint32_t kPrime = 65521;
  constexpr std::size_t kBlock = 5552;  // no sum leaves 32 bits
  std::uint32_t sum = 1;
  std::uint32_t sums = 0;
  while (size > 0) {
    const std::size_t block = std::min(size, kBlock);
    for (std::size_t i = 0; i < block; ++i) {
      sum += *bytes++;
      sums += sum;
    }
    sum %= kPrime;
    sums %= kPrime;
    size -= block;
  }
  return sums << 16 | sum;
}

}  // namespace

void deflate(const std::uint8_t* bytes, std::size_t size, std::vector<std::uint8_t>* to) {
  static const Codes codes;
  std::vector<std::uint8_t> room(2 * size + 16);  // no code is longer than 18 bits
  BitWriter out(room.data());
  out.put(0x0178, 16);     // deflate, a window of 32 KiB, fastest
  out.put(1 | 1 << 1, 3);  // the last block, fixed codes
  for (std::size_t at = 0; at < size;) {
    const std::uint8_t byte = bytes[at];
    const Code& literal = codes.literal[byte];
    out.put(literal.bits, literal.length);
    const std::size_t most = std::min(size, ++at + kMostRun);
    const std::size_t from = at;
    while (at < most && bytes[at] == byte) {
      ++at;
    }
    if (at - from < kLeastRun) {
      at = from;
      continue;
    }
    const Code& run = codes.run[at - from];
    out.put(run.bits, run.length);
  }
  out.put(0, 7);  // the end of the block
  const std::size_t end = out.finish();
  to->insert(to->end(), out.bytes(), out.bytes() + end);
  const std::uint32_t sum = adler(bytes, size);
  for (const int shift : {24, 16, 8, 0}) {
    to->push_back(static_cast<std::uint8_t>(sum >> shift));
  }
}

}  // namespace igfast::record
