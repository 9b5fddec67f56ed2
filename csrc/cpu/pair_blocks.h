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
constexpr std::int32_t kBatchGroups = 64;  // between two looks at what was placed
constexpr std::int32_t kBatchValues = kBatchGroups * kGroupValues;

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

  explicit PairCounter(Pairs& pairs) : pairs_(pairs), bytes_(pairs.bytes), words_(pairs.words) {}

  // Whether the next batch is counted in copies, lest increments wait for those of the same
  // counter: where, of late, one batch in three has found one of 64 pairs of indices alike. Where
  // fewer are, copies cost more room in the cache than they save: of normal values the two are
  // equal at a deviation of five bins.
  bool spreads(int alike) const {
    constexpr int kWeight = 64;
    constexpr int kBatches = 16;
    constexpr int kFewest = kWeight * kBatches / 3;
    const int recent = pairs_.alike + kWeight * alike - pairs_.alike / kBatches;
    pairs_.alike = recent < 2 * kFewest ? recent : 2 * kFewest;  // soon forgotten
    pairs_.spreads = recent >= kFewest;
    pairs_.spread = pairs_.spread || pairs_.spreads;
    return pairs_.spreads;
  }

  // What was counted as one pair is another.
  void move(Index from, Index to) const {
    --word(from / Pairs::kStride);
    --word(from % Pairs::kStride);
    ++word(to / Pairs::kStride);
    ++word(to % Pairs::kStride);
  }

  template <bool kSpread>
  void count(const Index* indices) const {
    const auto two = [&](auto copy, std::int32_t j) {
      constexpr int kCopy = kSpread ? decltype(copy)::value : 0;
      std::uint64_t both;
      __builtin_memcpy(&both, indices + j, sizeof both);
      increment_pair<kCopy>(bytes_, words_, static_cast<std::uint32_t>(both));
      increment_pair<kSpread ? kCopy + 1 : 0>(bytes_, words_, both >> 32);
    };
    for (std::int32_t j = 0; j < kGroupValues / kValues; j += 8) {
      two(Copy<0>{}, j);
      two(Copy<2>{}, j + 2);
      two(Copy<4>{}, j + 4);
      two(Copy<6>{}, j + 6);
    }
  }

 private:
  std::uint32_t& word(Index cell) const { return words_[cell * kLanes]; }

  Pairs& pairs_;
  unsigned char* bytes_;
  std::uint32_t* words_;
};

// Counts single values, two cells to a load.
class SingleCounter {
 public:
  using Index = std::uint16_t;
  static constexpr std::int32_t kValues = 1;
  static constexpr std::int32_t kBlockValues = 128;  // with many bins doubt is frequent

  explicit SingleCounter(const Singles& singles) : singles_(singles) {}

  // Into the words of a cell, which take more operations: where one index in eight is alike.
  bool spreads(int alike) const { return alike >= 64 / 8; }

  void move(Index from, Index to) const {
    --singles_.words[from * kLanes];
    ++singles_.words[to * kLanes];
  }

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

// Places the values first .. last - 1 of a run, whole blocks, and counts those a block before.
// Group by group: neither half fills the processor, and indices of a block ago have left the store
// buffer. A group takes the place of the one just counted: an increment waits for earlier stores to
// lines that look alike, and few lines look like few.
template <bool kSpread, bool kExact, class Counter, class Placer>
inline void count_and_place(Counter counter, Placer& placer, std::int32_t first, std::int32_t last,
                            typename Counter::Index* indices) {
  for (; first < last; first += Counter::kBlockValues) {
    for (std::int32_t j = 0; j < Counter::kBlockValues; j += kGroupValues) {
      typename Counter::Index* const group = indices + j / Counter::kValues;
      counter.template count<kSpread>(group);
      placer.template place<kExact>(first + j, group);
    }
    if constexpr (!kExact) {
      placer.note_doubt(first + Counter::kBlockValues);
    }
  }
}

// The same of one block, or less of it, that is then waiting to be counted.
template <class Counter, class Placer>
inline void place_block(Placer& placer, std::int32_t first, std::int32_t last,
                        typename Counter::Index* indices) {
  for (std::int32_t j = first; j < last; j += kGroupValues) {
    placer.template place<false>(j, indices + (j - first) / Counter::kValues);
  }
  placer.note_doubt(last);
}

template <class Counter>
inline void count_block(const Counter& counter, std::int32_t values,
                        const typename Counter::Index* indices) {
  for (std::int32_t j = 0; j < values; j += kGroupValues) {
    counter.template count<false>(indices + j / Counter::kValues);
  }
}

// placer.place(first, indices) writes the indices of values first .. first + 31 of a run, guesses
// that are in the table whatever the values; note_doubt(end) comes after those of a block, or of
// less at the end of a run, and end_batch(counter, end) before another batch begins at `end`.
// placer.alike(indices) looks at 64 pairs of indices of a group.
template <class Counter, class Placer>
inline void count_blocks(std::int32_t size, Counter counter, Placer& placer) {
  constexpr std::int32_t kBlock = Counter::kBlockValues;
  static_assert(kBatchValues % kBlock == 0);
  alignas(64) typename Counter::Index indices[kBlock / Counter::kValues];
  const std::int32_t whole = size - size % kBlock;
  if (whole > 0) {
    place_block<Counter>(placer, 0, kBlock, indices);
    for (std::int32_t placed = kBlock; placed < whole;) {
      const std::int32_t batch = placed - placed % kBatchValues + kBatchValues;
      const std::int32_t last = batch < whole ? batch : whole;
      const bool spreads = counter.spreads(placer.alike(indices));
      if (spreads && placer.needs_exact()) {
        count_and_place<true, true>(counter, placer, placed, last, indices);
      } else if (spreads) {
        count_and_place<true, false>(counter, placer, placed, last, indices);
      } else if (placer.needs_exact()) {
        count_and_place<false, true>(counter, placer, placed, last, indices);
      } else {
        count_and_place<false, false>(counter, placer, placed, last, indices);
      }
      placer.end_batch(counter, last);
      placed = last;
    }
    count_block(counter, kBlock, indices);
    placer.end_batch(counter, whole);
  }
  if (whole < size) {
    place_block<Counter>(placer, whole, size, indices);
    count_block(counter, size - whole, indices);
    placer.end_batch(counter, size);
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
