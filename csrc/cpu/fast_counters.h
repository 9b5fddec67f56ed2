// Counters for counts alone, without splits, of chunks large enough: of pairs where there are few
// bins, else of single cells, which pays on uniform grids, whose bins lie in one another's cache
// lines. They fill the words when the row is done.
#ifndef IGFAST_CPU_FAST_COUNTERS_H
#define IGFAST_CPU_FAST_COUNTERS_H

#include <cstddef>
#include <cstdint>
#include <vector>

#include "backend.h"
#include "cpu/kernels.h"
#include "cpu/pair_table.h"
#include "cpu/tuning.h"

namespace igfast {

class FastCounters {
 public:
  // Beside the 32-bit words of a row; never used where these loops do not apply.
  FastCounters(const Kernels& kernels, const igf_grid& grid, bool counts_alone,
               std::uint32_t* words)
      : kernels_(kernels) {
    const std::int64_t cells = grid.bins + kExtraCells;
    if (kernels.empty_pairs == nullptr || !counts_alone) {
      return;
    }
    const bool is_log = grid.kind == IGF_LOG;
    if (grid.bins <= (is_log ? Tuning::kMostPairedLogBins : Tuning::kMostPairedBins)) {
      pairs_ = PairTable::of_this_thread().pairs(cells, words);
    } else if (grid.kind == IGF_UNIFORM && grid.bins <= Tuning::kMostSingleBins) {
      storage_.resize(static_cast<std::size_t>(cells));
      singles_ = {storage_.data(), words};
    }
  }

  // The table of pairs outlives a failed call, and must be left empty.
  ~FastCounters() { empty(); }

  FastCounters(const FastCounters&) = delete;
  FastCounters& operator=(const FastCounters&) = delete;

  // Whether the next `size` elements are to be counted here: enough of them, or the row's last.
  bool take(std::int64_t size) {
    const bool takes = (used_ || size >= Tuning::kFewestFast) &&
                       (pairs_.bytes != nullptr || singles_.cells != nullptr);
    used_ = used_ || takes;
    filled_ += size;
    if (used_ && pairs_.bytes != nullptr && !pairs_.spreads && filled_ > Tuning::kPairedValues) {
      kernels_.empty_pairs(pairs_);
      filled_ = size;
    }
    return takes;
  }

  // count(Pairs&) or count(Singles&)
  template <class Count>
  void count(const Count& count) {
    if (pairs_.bytes != nullptr) {
      count(pairs_);
    } else {
      count(singles_);
    }
  }

  // Into the words.
  void empty() {
    if (!used_) {
      return;
    }
    used_ = false;
    filled_ = 0;
    if (pairs_.bytes != nullptr) {
      kernels_.empty_pairs(pairs_);
      pairs_.spreads = false;
      pairs_.alike = 0;
      return;
    }
    for (std::size_t cell = 0; cell < storage_.size(); ++cell) {
      singles_.words[cell * kLanes] += storage_[cell];
      storage_[cell] = 0;
    }
  }

 private:
  const Kernels& kernels_;
  Pairs pairs_{};
  Singles singles_{};
  std::vector<std::uint32_t> storage_;
  bool used_ = false;
  std::int64_t filled_ = 0;  // values since the table was last empty
};

}  // namespace igfast

#endif
