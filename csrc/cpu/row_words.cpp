#include "cpu/row_words.h"

#include <algorithm>
#include <array>
#include <mutex>

#include "cpu/kernels.h"
#include "grid.h"

namespace igfast {

namespace {

// One word of a cell may have lost what another has (Singles): less than no elements.
std::int64_t count_of(std::uint32_t word) { return static_cast<std::int32_t>(word); }
std::int64_t count_of(std::uint64_t word) { return static_cast<std::int64_t>(word >> kDigitBits); }

// The sums of one cell by split. The number of splits is a template argument where it matters: a
// model of many small tensors spends its time here.
template <int kSplits, class Word>
std::array<std::int64_t, kSplits> split_counts(const Word* words) {
  std::array<std::int64_t, kSplits> sums{};
  for (int sub = 0; sub < kLanes; ++sub) {
    sums[sub % kSplits] += count_of(words[sub]);
  }
  return sums;
}

template <int kSplits, class Word>
void add_cells(const Word* words, const igf_histogram_args& args, const Window& window,
               std::int64_t row) {
  const std::int64_t bins = args.grid.bins;
  const std::int64_t first = row * kSplits * bins + window.first_bin;
  for (int side = 0; side < 2; ++side) {
    if (side == 0 ? window.counts_underflow : window.counts_overflow) {
      const std::int64_t cell = side == 0 ? kUnderflowCell : kFirstBinCell + window.bins;
      const auto sums = split_counts<kSplits>(words + cell * kLanes);
      for (int split = 0; split < kSplits; ++split) {
        args.split_outside[(row * kSplits + split) * 2 + side] += sums[split];
      }
    }
  }
  for (std::int64_t bin = 0; bin < window.bins; ++bin) {
    const Word* cell = words + (kFirstBinCell + bin) * kLanes;
    const auto sums = split_counts<kSplits>(cell);
    for (int split = 0; split < kSplits; ++split) {
      args.split_counts[first + split * bins + bin] += sums[split];
    }
    if constexpr (sizeof(Word) == sizeof(std::uint64_t)) {
      std::array<std::int64_t, kSplits> digits{};
      for (int sub = 0; sub < kLanes; ++sub) {
        digits[sub % kSplits] += cell[sub] & ((Word{1} << kDigitBits) - 1);
      }
      for (int split = 0; split < kSplits; ++split) {
        args.offsets[first + split * bins + bin] += digits[split];
      }
    }
  }
}

}  // namespace

template <class Word>
RowWords<Word>::RowWords(std::int64_t bins)
    : size_(static_cast<std::size_t>((bins + kExtraCells) * kLanes)),
      memory_(size_ * sizeof(Word)),
      words_(static_cast<Word*>(memory_.words())) {}

template <class Word>
void RowWords<Word>::flush(const igf_histogram_args& args, const Window& window, std::int64_t row,
                           std::int64_t padding, RowLocks& locks) {
  const std::lock_guard<std::mutex> lock(locks.of(row));
  if (window.counts_nan) {
    args.nan[row] += split_counts<1>(words_ + kNanCell * kLanes)[0] - padding;
  }
  switch (args.splits) {
    case 1: add_cells<1>(words_, args, window, row); break;
    case 2: add_cells<2>(words_, args, window, row); break;
    case 4: add_cells<4>(words_, args, window, row); break;
    case 8: add_cells<8>(words_, args, window, row); break;
  }
  std::fill_n(words_, size_, Word{0});
}

template class RowWords<std::uint32_t>;
template class RowWords<std::uint64_t>;

}  // namespace igfast
