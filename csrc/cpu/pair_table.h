// Joint counters of one thread: a byte for every pair of cells, so that two values cost one
// increment. Memory takes one increment a cycle, whatever it stands for.
#ifndef IGFAST_CPU_PAIR_TABLE_H
#define IGFAST_CPU_PAIR_TABLE_H

#include <cstdint>

#include "cpu/tuning.h"
#include "grid.h"

namespace igfast {

// What a kernel counts pairs into. A pair of cells a >= b increments bytes[a * kStride + b]: half
// of a square, about what the first-level cache holds, each row on cache lines of its own. Where
// few pairs come again and again, an increment would wait for the one before: eight copies of the
// table, kCopyBytes apart, then take turns.
struct Pairs {
  static constexpr int kMostCells = static_cast<int>(Tuning::kMostPairedLogBins + kExtraCells);
  static constexpr int kStride = (kMostCells + 63) / 64 * 64;
  static constexpr int kCopies = 8;
  static constexpr int kCopyBytes = kMostCells * kStride;

  unsigned char* bytes;
  std::int32_t cells;
  std::uint32_t* words;  // of RowWords: a byte that wraps around adds 256 to a word of both cells
  bool spread;           // whether copies but the first were used
  bool spreads;          // whether they are now
  std::int32_t alike;    // how many of late, of the pairs of this row
};

// What a kernel counts single values into where the table of pairs would be too large: one counter
// to a cell, cells[i], which stay in the first-level cache for longer than eight. Where few cells
// come again and again, the eight words of each take turns.
struct Singles {
  std::uint32_t* cells;
  std::uint32_t* words;  // of RowWords
};

// The memory of Pairs, kept by each thread. Between uses it is all zero; pages never touched take
// no memory.
class PairTable {
 public:
  static PairTable& of_this_thread();

  ~PairTable();

  // For `cells` cells, at most kMostCells, with these words. Throws std::bad_alloc.
  Pairs pairs(std::int64_t cells, std::uint32_t* words);

 private:
  PairTable() = default;

  void* storage_ = nullptr;
};

}  // namespace igfast

#endif
