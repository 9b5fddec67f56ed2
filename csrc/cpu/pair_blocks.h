// The counting half of a vector kernel that counts pairs, or single values of many bins. Included
// by the ISA files only, within which it must stay: everything here is in an unnamed namespace.
#ifndef IGFAST_CPU_PAIR_BLOCKS_H
#define IGFAST_CPU_PAIR_BLOCKS_H

#include <cstdint>

#include "cpu/pair_table.h"
#include "grid.h"

namespace igfast {
namespace {

constexpr std::int32_t kGroupValues = 32;
constexpr std::int32_t kMostGroups = 8;  // of a block

// Pairs of the block's first group that may be alike before counting is spread.
constexpr int kMostAlike = 1;

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

// Counts the pairs of a group, two indices to a load.
class PairCounter {
 public:
  using Index = std::uint32_t;
  static constexpr std::int32_t kValues = 2;  // to an index
  static constexpr std::int32_t kBlockValues = 256;

  explicit PairCounter(Pairs& pairs) : pairs_(pairs) {}

  void spread() { pairs_.spread = true; }

  template <bool kSpread>
  void count(const Index* indices) const {
    unsigned char* const bytes = pairs_.bytes;
    std::uint32_t* const words = pairs_.words;
    const auto two = [&](auto copy, std::int32_t j) {
      constexpr int kCopy = kSpread ? decltype(copy)::value : 0;
      std::uint64_t both;
      __builtin_memcpy(&both, indices + j, sizeof both);
      increment_pair<kCopy>(bytes, words, static_cast<std::uint32_t>(both));
      increment_pair<kSpread ? kCopy + 1 : 0>(bytes, words, both >> 32);
    };
    for (std::int32_t j = 0; j < kGroupValues / kValues; j += 8) {
      two(Copy<0>{}, j);
      two(Copy<2>{}, j + 2);
      two(Copy<4>{}, j + 4);
      two(Copy<6>{}, j + 6);
    }
  }

 private:
  Pairs& pairs_;
};

// Counts single values, two cells to a load.
class SingleCounter {
 public:
  using Index = std::uint16_t;
  static constexpr std::int32_t kValues = 1;
  static constexpr std::int32_t kBlockValues = 128;  // with many bins doubt is frequent

  explicit SingleCounter(const Singles& singles) : singles_(singles) {}

  void spread() {}

  template <bool kSpread>
  void count(const Index* indices) const {
    std::uint32_t* const cells = singles_.cells;
    std::uint32_t* const words = singles_.words;
    for (std::int32_t j = 0; j < kGroupValues; j += 2) {
      std::uint32_t both;
      __builtin_memcpy(&both, indices + j, sizeof both);
      const std::uint32_t first = both & 0xffff;
      const std::uint32_t second = both >> 16;
      if constexpr (kSpread) {
        ++words[first * kLanes + (j & 7)];
        ++words[second * kLanes + (j & 7) + 1];
      } else {
        ++cells[first];
        ++cells[second];
      }
    }
  }

 private:
  Singles singles_;
};

// Counts a block while the next is placed, group by group: neither half fills the processor, and
// indices of a block ago have left the store buffer.
template <bool kSpread, class Counter, class Placer>
inline void count_and_place(const Counter& counter, const typename Counter::Index* indices,
                            Placer& placer, std::int32_t next,
                            typename Counter::Index* next_indices) {
  placer.start();
  for (std::int32_t j = 0; j < Counter::kBlockValues; j += kGroupValues) {
    placer.place(next + j, next_indices + j / Counter::kValues);
    counter.template count<kSpread>(indices + j / Counter::kValues);
  }
  placer.finish(next, Counter::kBlockValues, next_indices);
}

// placer.place(first, indices) writes the indices of values first .. first + 31 of a run,
// placer.start() comes before and finish(first, values, indices) after those of a block, or of a
// run that is less. placer.alike(indices) counts alike pairs of a group.
template <class Counter, class Placer>
inline void count_blocks(std::int32_t size, Counter counter, Placer& placer) {
  constexpr std::int32_t kBlock = Counter::kBlockValues;
  static_assert(kBlock / kGroupValues <= kMostGroups);
  alignas(64) typename Counter::Index indices[2][kBlock / Counter::kValues];
  const std::int32_t values = size < kBlock ? size : kBlock;
  placer.start();
  for (std::int32_t j = 0; j < values; j += kGroupValues) {
    placer.place(j, indices[0] + j / Counter::kValues);
  }
  placer.finish(0, values, indices[0]);
  std::int32_t first = 0;
  for (; first + kBlock < size; first += kBlock) {
    const auto* now = indices[first / kBlock & 1];
    auto* next = indices[(first / kBlock + 1) & 1];
    if (placer.alike(now) > kMostAlike) {
      counter.spread();
      count_and_place<true>(counter, now, placer, first + kBlock, next);
    } else {
      count_and_place<false>(counter, now, placer, first + kBlock, next);
    }
  }
  for (std::int32_t j = 0; j < size - first; j += kGroupValues) {
    counter.template count<false>(indices[first / kBlock & 1] + j / Counter::kValues);
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
