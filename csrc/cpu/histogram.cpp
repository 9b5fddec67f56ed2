// histogram_cpu: deals chunks to threads; each places the runs of its chunks into private words
// and adds the words to the output row when it leaves the row.
#include <algorithm>
#include <memory>
#include <vector>

#include "cpu/fast_counters.h"
#include "cpu/kernels.h"
#include "cpu/moments.h"
#include "cpu/operations.h"
#include "cpu/row_extents.h"
#include "cpu/row_words.h"
#include "cpu/runs.h"
#include "cpu/tuning.h"
#include "cpu/work.h"
#include "uniform_table.h"

namespace igfast {
namespace {

// The rule of one row at a time, for values of both widths.
class RowRules {
 public:
  RowRules(const igf_grid& grid, const Window& window) : grid_(grid), window_(window) {}

  template <class T>
  void count(const Kernels& kernels, const Run<T>& run, std::int64_t row, std::uint32_t* words,
             Extents<Widened<T>>* extents) {
    const StorageKernels<T>& loops = kernels.of(TypeTag<T>{});
    switch (grid_.kind) {
      case IGF_UNIFORM: loops.uniform(uniform<T>(row, Guesses::kClose), run, words); break;
      case IGF_DYADIC: loops.dyadic(dyadic(row), run, words, extents); break;
      case IGF_LOG: loops.log(log(), run, words); break;
    }
  }

  template <class T>
  void count(const Kernels& kernels, const Run<T>& run, std::int64_t row, Pairs& pairs,
             Extents<Widened<T>>* extents) {
    const StorageKernels<T>& loops = kernels.of(TypeTag<T>{});
    switch (grid_.kind) {
      case IGF_UNIFORM: loops.uniform_pairs(uniform<T>(row, Guesses::kRaised), run, pairs); break;
      case IGF_DYADIC: loops.dyadic_pairs(dyadic(row), run, pairs, extents); break;
      case IGF_LOG: loops.log_pairs(log(), run, pairs); break;
    }
  }

  // On a uniform grid.
  template <class T>
  void count(const Kernels& kernels, const Run<T>& run, std::int64_t row, Singles& singles,
             Extents<Widened<T>>*) {
    kernels.of(TypeTag<T>{}).uniform_singles(uniform<T>(row, Guesses::kRaised), run, singles);
  }

  // With digits and moments, on a dyadic grid.
  template <class T>
  bool count(const Kernels& kernels, const Run<T>& run, std::int64_t row, std::uint64_t* words,
             MomentSums& sums) {
    return kernels.of(TypeTag<T>{}).dyadic_digits_moments(dyadic(row), run, words, sums);
  }

  // With digits; a uniform grid has none.
  template <class T>
  void count(const Kernels& kernels, const Run<T>& run, std::int64_t row, std::uint64_t* words,
             Extents<Widened<T>>* extents) {
    const StorageKernels<T>& loops = kernels.of(TypeTag<T>{});
    if (grid_.kind == IGF_DYADIC) {
      loops.dyadic_digits(dyadic(row), run, words, extents);
    } else {
      loops.log_digits(log(), run, words);
    }
  }

 private:
  template <class V>
  struct CachedTable {
    std::int64_t edge_row = -1;
    UniformTable<V> table;
  };

  template <class T>
  const UniformRule<Widened<T>>& uniform(std::int64_t row, Guesses wanted) {
    CachedTable<Widened<T>>& cached = table(Widened<T>{});
    const std::int64_t edge_row = grid_.edge_rows == 1 ? 0 : row;
    if (cached.edge_row != edge_row) {
      cached.table.build(grid_.edges + edge_row * (grid_.bins + 1), grid_.bins);
      cached.edge_row = edge_row;
    }
    return cached.table.rule(sizeof(T) < sizeof(Widened<T>) ? Guesses::kNarrow : wanted);
  }

  DyadicRule dyadic(std::int64_t row) const {
    return {static_cast<std::int32_t>(grid_.exponents[row]),
            static_cast<std::int32_t>(window_.bins), grid_.origins[row] + window_.first_bin};
  }

  LogRule log() const {
    const std::int64_t half = (grid_.max_exponent - grid_.min_exponent) << grid_.mantissa_bits;
    return {static_cast<std::int32_t>(grid_.mantissa_bits),
            static_cast<std::int32_t>(grid_.min_exponent), static_cast<std::int32_t>(half),
            static_cast<std::int32_t>(window_.first_bin), static_cast<std::int32_t>(window_.bins)};
  }

  CachedTable<float>& table(float) { return of_float_; }
  CachedTable<double>& table(double) { return of_double_; }

  const igf_grid& grid_;
  const Window& window_;
  CachedTable<float> of_float_;
  CachedTable<double> of_double_;
};

template <class Word>
class HistogramWorker {
 public:
  HistogramWorker(const Kernels& kernels, const igf_histogram_args& args, const Window& window,
                  std::vector<CentralSums>* partials, RowLocks& locks)
      : kernels_(kernels),
        args_(args),
        window_(window),
        partials_(partials),
        locks_(locks),
        rules_(args.grid, window),
        words_(window.bins),
        fast_(kernels, args.grid, kCountsAlone && args.splits == 1, words_.counts()) {}

  void take(const Chunk& chunk) {
    const igf_tensor& tensor = args_.tensors[chunk.tensor];
    const std::int64_t size = chunk.end - chunk.begin;
    if (tensor.row != row_ || filled_ + size > Tuning::kDrain) {
      finish();
    }
    row_ = tensor.row;
    filled_ += size;
    takes_fast_ = fast_.take(size);
    dispatch_dtype("histogram", tensor.dtype, [&](auto tag) {
      using T = typename decltype(tag)::type;
      if (takes_fast_) {
        translate_pages<T>(tensor, chunk);
      }
      if (partials_ == nullptr) {
        for_each_run<T>(tensor, chunk, kChunkBlocks, [&](const auto& run) { add(run); });
      } else {
        ChunkMoments moments(first_shift<T>(tensor, chunk));
        const std::int64_t blocks = takes_moments_along() ? kRunBlocks : kTwiceRunBlocks;
        for_each_run<T>(tensor, chunk, blocks, [&](const auto& run) { add(run, moments); });
        (*partials_)[static_cast<std::size_t>(chunk.index)] = moments.finish();
      }
    });
  }

  void finish() {
    if (filled_ > 0) {
      fast_.empty();
      words_.flush(args_, window_, row_, padding_, locks_);
      if (window_.takes_extents) {
        extents_.flush(args_.extents, row_, locks_);
      }
      filled_ = 0;
      padding_ = 0;
    }
  }

 private:
  static constexpr bool kCountsAlone = sizeof(Word) == sizeof(std::uint32_t);

  // Whether one loop counts and takes moments.
  bool takes_moments_along() const {
    return !kCountsAlone && args_.grid.kind == IGF_DYADIC && !window_.takes_extents;
  }

  template <class T>
  void add(const Run<T>& run) {
    Extents<Widened<T>>* extents = window_.takes_extents ? &extents_.of(Widened<T>{}) : nullptr;
    if (takes_fast_) {
      fast_.count([&](auto& counters) { rules_.count(kernels_, run, row_, counters, extents); });
    } else {
      rules_.count(kernels_, run, row_, words_.words(), extents);
    }
    padding_ += run.size - (run.last - run.first);
  }

  template <class T>
  void add(const Run<T>& run, ChunkMoments& moments) {
    if constexpr (!kCountsAlone) {
      if (takes_moments_along() && ChunkMoments::is_whole(run)) {
        moments.add(run, [&](MomentSums& sums) {
          return rules_.count(kernels_, run, row_, words_.words(), sums);
        });
        return;
      }
    }
    moments.add(kernels_, run);
    add(run);
  }

  const Kernels& kernels_;
  const igf_histogram_args& args_;
  const Window& window_;
  std::vector<CentralSums>* partials_;
  RowLocks& locks_;
  RowRules rules_;
  RowWords<Word> words_;
  FastCounters fast_;
  bool takes_fast_ = false;  // this chunk
  std::int64_t row_ = -1;
  std::int64_t filled_ = 0;
  std::int64_t padding_ = 0;
  RowExtents extents_;
};

void clear_outputs(const igf_histogram_args& args) {
  const std::int64_t cells = args.rows * args.splits * args.grid.bins;
  std::fill_n(args.split_counts, cells, 0);
  std::fill_n(args.split_outside, args.rows * args.splits * 2, 0);
  std::fill_n(args.nan, args.rows, 0);
  if (args.offsets != nullptr) {
    std::fill_n(args.offsets, cells, 0);
  }
  if (args.extents.zeros != nullptr) {
    clear_extents(args.extents, args.rows);
  }
}

template <class Word>
void histogram_pass(igf_histogram_args& args, const Kernels& kernels, const Work& work,
                    const Window& window, std::vector<CentralSums>* partials) {
  RowLocks locks;
  const auto clear = [&] {
    if (window.first_bin == 0) {
      clear_outputs(args);
    }
    locks.open();
  };
  args.threads_used = work.share(work.useful_threads(args.threads), clear, [&] {
    return std::make_unique<HistogramWorker<Word>>(kernels, args, window, partials, locks);
  });
}

}  // namespace

void histogram_cpu(igf_histogram_args& args) {
  const Kernels& kernels = current_kernels();
  const Work work(args.tensors, args.tensor_count);
  const bool wants_moments = args.moments.integers != nullptr;
  std::vector<CentralSums> partials(wants_moments ? static_cast<std::size_t>(work.chunk_count())
                                                  : 0);
  args.isa_used = isa_name(kernels.isa);
  if (args.offsets == nullptr) {  // 32-bit words of 65,536 bins fit
    const Window all{0, args.grid.bins, true, true, true, args.extents.zeros != nullptr};
    histogram_pass<std::uint32_t>(args, kernels, work, all, wants_moments ? &partials : nullptr);
  } else {
    constexpr std::int64_t kMostCells =
        Tuning::kWordBytes / (kLanes * static_cast<std::int64_t>(sizeof(std::uint64_t)));
    constexpr std::int64_t kMostBins = kMostCells - kExtraCells;
    for (std::int64_t first = 0; first < args.grid.bins; first += kMostBins) {
      const std::int64_t bins = std::min(kMostBins, args.grid.bins - first);
      const Window window{first,
                          bins,
                          first == 0,
                          first == 0,
                          first + bins == args.grid.bins,
                          first == 0 && args.extents.zeros != nullptr};
      const bool fused = wants_moments && first == 0;
      histogram_pass<std::uint64_t>(args, kernels, work, window, fused ? &partials : nullptr);
    }
  }
  if (wants_moments) {
    write_moments(args.tensors, args.tensor_count, args.rows, work, partials, args.moments);
  }
}

}  // namespace igfast
