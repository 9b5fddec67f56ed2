// The private words of one thread for one output row: eight sub-histograms side by side,
// words[cell * 8 + sub-histogram], so that equal neighbours never increment the same word.
#ifndef IGFAST_CPU_ROW_WORDS_H
#define IGFAST_CPU_ROW_WORDS_H

#include <atomic>
#include <cstdint>
#include <mutex>
#include <thread>

#include "backend.h"
#include "cpu/word_memory.h"

namespace igfast {

// Of whoever adds to an output row, once the outputs are cleared. Threads meet on a row only at the
// ends of their portions, so a few locks serve all rows. They belong to one call: a process forked
// during it must not inherit them locked.
class RowLocks {
 public:
  // Says that the outputs are cleared.
  void open() { open_.store(true, std::memory_order_release); }

  std::mutex& of(std::int64_t row) {
    while (!open_.load(std::memory_order_acquire)) {
      std::this_thread::yield();
    }
    return locks_[row & 15];
  }

 private:
  std::atomic<bool> open_{false};
  std::mutex locks_[16];
};

// The part of the bins that one pass over the data fills.
struct Window {
  std::int64_t first_bin;
  std::int64_t bins;
  bool counts_nan;
  bool counts_underflow;
  bool counts_overflow;
  bool takes_extents;
};

// uint32: counts. uint64: count << kDigitBits | sum of digits.
template <class Word>
class RowWords {
 public:
  explicit RowWords(std::int64_t bins);

  Word* words() { return words_; }

  // The words where they hold counts alone.
  std::uint32_t* counts() {
    if constexpr (sizeof(Word) == sizeof(std::uint32_t)) {
      return words_;
    } else {
      return nullptr;
    }
  }

  // Adds to row `row` of the outputs, under a lock shared with the other threads, and clears.
  // `padding` NaN were put in by the caller and are not elements.
  void flush(const igf_histogram_args& args, const Window& window, std::int64_t row,
             std::int64_t padding, RowLocks& locks);

 private:
  std::size_t size_;
  WordMemory memory_;
  Word* words_;
};

extern template class RowWords<std::uint32_t>;
extern template class RowWords<std::uint64_t>;

}  // namespace igfast

#endif
