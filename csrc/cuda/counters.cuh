// Where a block counts: cell and split of an element -> counters in shared memory, flushed to the
// 64-bit outputs when the block leaves a row or before a counter could overflow.
//
// A kind of counters has: words(cells, splits), its 32-bit words of shared memory; kFlushes, and
// if so kElements, how many elements each thread may add between flushes; aim() at the row, add(),
// and flush(), which leaves zeros. kRotates says whether lanes should take turns with splits.
#ifndef IGFAST_CUDA_COUNTERS_CUH
#define IGFAST_CUDA_COUNTERS_CUH

#include <cstdint>

#include "cuda/device.cuh"
#include "cuda/launch.h"
#include "cuda/tuning.h"
#include "grid.h"

namespace igfast {

// One output row, and how cells map to it.
struct OutputRow {
  DeviceOutputs out;
  std::int64_t row;
  std::int32_t bins;
  std::int32_t splits;

  __device__ void add(std::uint32_t cell, std::uint32_t split, Count count, Count digits) const {
    if (cell == kNanCell) {
      add_globally(out.nan + row, count);
      return;
    }
    const std::int64_t part = row * splits + split;
    const std::int64_t bin = static_cast<std::int64_t>(cell) - kFirstBinCell;
    if (bin < 0 || bin >= bins) {
      add_globally(out.outside + part * 2 + (bin < 0 ? 0 : 1), count);
      return;
    }
    add_globally(out.counts + part * bins + bin, count);
    if (out.offsets != nullptr && digits != 0) {
      add_globally(out.offsets + part * bins + bin, digits);
    }
  }
};

// Thirty-two copies, word (cell, bank): a lane only touches banks of its own group of G lanes, and
// within the group the bank says the split. Lanes of a group take their elements in rotated order,
// so that they meet different splits: no two lanes of a warp ever use one bank.
template <bool kOffsets>
class InterleavedCounters {
 public:
  static constexpr bool kRotates = true;
  static constexpr bool kFlushes = true;
  // With offsets a word is count << 20 | sum of digits: 4,095 * 255 < 2^20. Each word is shared by
  // the same lane of all warps.
  static constexpr std::int32_t kElements =
      kOffsets ? 4095 / CudaTuning::kWarps : std::int32_t{1} << 24;

  __host__ __device__ static std::int64_t words(std::int64_t cells, std::int64_t) {
    return cells * 32;
  }

  __device__ InterleavedCounters(std::uint32_t* memory, std::int32_t cells, std::int32_t splits)
      : words_(memory),
        cells_(cells),
        splits_(splits),
        group_(static_cast<std::uint32_t>(lane_index()) &
               ~(static_cast<std::uint32_t>(splits) - 1u)) {}

  __device__ void aim(const OutputRow&) {}
  __device__ void add(std::uint32_t cell, std::uint32_t split, std::uint32_t digit) {
    std::uint32_t* word = words_ + (cell * 32u + (group_ | split));
    if constexpr (kOffsets) {
      atomicAdd(word, kOne | digit);
    } else {
      atomicAdd(word, 1u);
    }
  }

  __device__ void flush(const OutputRow& output) {
    const auto splits = static_cast<std::uint32_t>(splits_);
    const std::uint32_t copies = 32u / splits;
    const std::uint32_t items = static_cast<std::uint32_t>(cells_) * splits;
    for (std::uint32_t item = threadIdx.x; item < items; item += CudaTuning::kThreads) {
      const std::uint32_t cell = item / splits;
      const std::uint32_t split = item % splits;
      Count count = 0;
      Count digits = 0;
      for (std::uint32_t i = 0; i < copies; ++i) {
        const std::uint32_t copy = (i + cell) & (copies - 1u);  // neighbors read other banks
        std::uint32_t* word = words_ + (cell * 32u + copy * splits + split);
        const std::uint32_t value = *word;
        *word = 0;
        count += kOffsets ? value / kOne : value;
        digits += kOffsets ? value % kOne : 0u;
      }
      if (count != 0) {
        output.add(cell, split, count, digits);
      }
    }
  }

 private:
  static constexpr std::uint32_t kOne = 1u << 20;

  std::uint32_t* words_;
  std::int32_t cells_;
  std::int32_t splits_;
  std::uint32_t group_;
};

// One copy, word (split, cell), and as many again for digits. Lanes on one bin merge in hardware
// where the addend is the literal 1.
template <bool kOffsets>
class SingleCounters {
 public:
  static constexpr bool kRotates = false;
  static constexpr bool kFlushes = true;
  // A digit word sees all elements of the block: 2^24 * 255 < 2^32.
  static constexpr std::int32_t kElements = (std::int32_t{1} << 24) / CudaTuning::kThreads;

  __host__ __device__ static std::int64_t words(std::int64_t cells, std::int64_t splits) {
    return cells * splits * (kOffsets ? 2 : 1);
  }

  __device__ SingleCounters(std::uint32_t* memory, std::int32_t cells, std::int32_t splits)
      : counts_(memory), cells_(cells), items_(cells * splits) {}

  __device__ void aim(const OutputRow&) {}
  __device__ void add(std::uint32_t cell, std::uint32_t split, std::uint32_t digit) {
    const std::uint32_t item = split * static_cast<std::uint32_t>(cells_) + cell;
    atomicAdd(counts_ + item, 1u);
    if constexpr (kOffsets) {
      atomicAdd(counts_ + items_ + item, digit);
    }
  }

  __device__ void flush(const OutputRow& output) {
    for (std::int32_t item = static_cast<std::int32_t>(threadIdx.x); item < items_;
         item += CudaTuning::kThreads) {
      const std::uint32_t count = counts_[item];
      counts_[item] = 0;
      std::uint32_t digits = 0;
      if constexpr (kOffsets) {
        digits = counts_[items_ + item];
        counts_[items_ + item] = 0;
      }
      if (count != 0) {
        output.add(static_cast<std::uint32_t>(item % cells_),
                   static_cast<std::uint32_t>(item / cells_), count, digits);
      }
    }
  }

 private:
  std::uint32_t* counts_;
  std::int32_t cells_;
  std::int32_t items_;
};

// No shared memory: for rows of few elements, and for more bins than shared memory holds.
class DirectCounters {
 public:
  static constexpr bool kRotates = false;
  static constexpr bool kFlushes = false;

  __host__ __device__ static std::int64_t words(std::int64_t, std::int64_t) { return 0; }

  __device__ DirectCounters(std::uint32_t*, std::int32_t, std::int32_t) {}
  __device__ void aim(const OutputRow& output) { output_ = output; }
  __device__ void add(std::uint32_t cell, std::uint32_t split, std::uint32_t digit) {
    output_.add(cell, split, 1, digit);
  }
  __device__ void flush(const OutputRow&) {}

 private:
  OutputRow output_{};
};

// Moments alone.
class NoCounters {
 public:
  static constexpr bool kRotates = false;
  static constexpr bool kFlushes = false;

  __host__ __device__ static std::int64_t words(std::int64_t, std::int64_t) { return 0; }

  __device__ NoCounters(std::uint32_t*, std::int32_t, std::int32_t) {}
  __device__ void aim(const OutputRow&) {}
  __device__ void add(std::uint32_t, std::uint32_t, std::uint32_t) {}
  __device__ void flush(const OutputRow&) {}
};

}  // namespace igfast

#endif
