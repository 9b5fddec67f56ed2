// The counting half of a vector kernel that counts pairs. Included by the ISA files only, within
// which it must stay: everything here is in an unnamed namespace.
#ifndef IGFAST_CPU_PAIR_BLOCKS_H
#define IGFAST_CPU_PAIR_BLOCKS_H

#include <cstdint>

#include "cpu/pair_table.h"
#include "grid.h"

namespace igfast {
namespace {

constexpr std::int32_t kGroupValues = 32;
constexpr std::int32_t kGroupPairs = kGroupValues / 2;
constexpr std::int32_t kBlockValues = 256;
constexpr std::int32_t kBlockPairs = kBlockValues / 2;

// Pairs of the block's first group that may equal their neighbor before counting is spread.
constexpr int kMostRepeats = 1;

template <int kCopy>
struct Copy {
  static constexpr int value = kCopy;
};

// Increments one byte of a copy. In assembly: the carry says that the byte wrapped around.
template <int kCopy>
inline void increment_pair(unsigned char* bytes, std::uint32_t* words, std::uint64_t index) {
  __asm__ goto(
      "addb $1, %c[copy](%[bytes],%[index])\n\t"
      "jc %l[wrapped]"
      :
      : [bytes] "r"(bytes), [index] "r"(index), [copy] "i"(kCopy * Pairs::kCopyBytes)
      : "memory", "cc"
      : wrapped);
  return;
wrapped:
  __attribute__((cold));
  const auto pair = static_cast<std::uint32_t>(index);
  words[pair / Pairs::kStride * kLanes] += 256;
  words[pair % Pairs::kStride * kLanes] += 256;
}

// The pairs of a group, two indices to a load.
template <bool kSpread>
inline void count_group(const Pairs& pairs, const std::uint32_t* indices) {
  unsigned char* const bytes = pairs.bytes;
  std::uint32_t* const words = pairs.words;
  const auto two = [&](auto copy, std::int32_t j) {
    constexpr int kCopy = kSpread ? decltype(copy)::value : 0;
    std::uint64_t both;
    __builtin_memcpy(&both, indices + j, sizeof both);
    increment_pair<kCopy>(bytes, words, static_cast<std::uint32_t>(both));
    increment_pair<kSpread ? kCopy + 1 : 0>(bytes, words, both >> 32);
  };
  for (std::int32_t j = 0; j < kGroupPairs; j += 8) {
    two(Copy<0>{}, j);
    two(Copy<2>{}, j + 2);
    two(Copy<4>{}, j + 4);
    two(Copy<6>{}, j + 6);
  }
}

// Counts a block while the next is placed, group by group: neither half fills the processor, and
// indices of a block ago have left the store buffer.
template <bool kSpread, class Placer>
inline void count_and_place(const Pairs& pairs, const std::uint32_t* indices, Placer& placer,
                            std::int32_t next, std::uint32_t* next_indices) {
  placer.start();
  for (std::int32_t j = 0; j < kBlockPairs; j += kGroupPairs) {
    placer.place(next + 2 * j, next_indices + j);
    count_group<kSpread>(pairs, indices + j);
  }
  placer.finish(next, kBlockValues, next_indices);
}

// placer.place(first, indices) writes the indices of the pairs among values first .. first + 31 of
// a run, placer.start() comes before and finish(first, values, indices) after those of a block, or
// of a run that is less. repeats(indices) counts the pairs of a group that equal a neighbor.
template <class Placer, class Repeats>
inline void count_blocks(std::int32_t size, Pairs& pairs, Placer& placer, const Repeats& repeats) {
  alignas(64) std::uint32_t indices[2][kBlockPairs];
  const std::int32_t values = size < kBlockValues ? size : kBlockValues;
  placer.start();
  for (std::int32_t j = 0; j < values; j += kGroupValues) {
    placer.place(j, indices[0] + j / 2);
  }
  placer.finish(0, values, indices[0]);
  std::int32_t first = 0;
  for (; first + kBlockValues < size; first += kBlockValues) {
    const std::int32_t next = first + kBlockValues;
    const std::uint32_t* now = indices[first / kBlockValues & 1];
    std::uint32_t* then = indices[next / kBlockValues & 1];
    if (repeats(now) > kMostRepeats) {
      pairs.spread = true;
      count_and_place<true>(pairs, now, placer, next, then);
    } else {
      count_and_place<false>(pairs, now, placer, next, then);
    }
  }
  for (std::int32_t j = 0; j < values / 2; j += kGroupPairs) {
    count_group<false>(pairs, indices[first / kBlockValues & 1] + j);
  }
}

// Adds what was counted to the first word of each cell of a pair, and clears it.
// empty_lines(bytes, rows, row_sums, column_sums) takes 64 bytes of each of `rows` rows: their sum
// is added to the row's, each byte to one of the 64 columns'. Sums of 16 bits hold 257 rows.
template <class EmptyLines>
inline void empty_tables(Pairs& pairs, const EmptyLines& empty_lines) {
  constexpr std::int32_t kMostRows = 128;
  constexpr std::int32_t kLine = 64;
  std::uint32_t sums[Pairs::kStride] = {};
  for (int copy = 0; copy < (pairs.spread ? Pairs::kCopies : 1); ++copy) {
    unsigned char* bytes = pairs.bytes + copy * Pairs::kCopyBytes;
    for (std::int32_t column = 0; column < pairs.cells; column += kLine) {
      for (std::int32_t row = column; row < pairs.cells; row += kMostRows) {
        const std::int32_t left = pairs.cells - row;
        alignas(64) std::uint16_t columns[kLine];
        empty_lines(bytes + row * Pairs::kStride + column, left < kMostRows ? left : kMostRows,
                    sums + row, columns);
        for (std::int32_t j = 0; j < kLine; ++j) {
          sums[column + j] += columns[j];
        }
      }
    }
  }
  for (std::int32_t cell = 0; cell < pairs.cells; ++cell) {
    pairs.words[cell * kLanes] += sums[cell];
  }
  pairs.spread = false;
}

}  // namespace
}  // namespace igfast

#endif
