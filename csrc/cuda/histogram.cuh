// The kernel: every block walks its segments; one launch serves all tensors, whatever their dtypes.
#ifndef IGFAST_CUDA_HISTOGRAM_CUH
#define IGFAST_CUDA_HISTOGRAM_CUH

#include <cstdint>
#include <type_traits>

#include "cuda/device.cuh"
#include "cuda/elements.cuh"
#include "cuda/launch.h"
#include "cuda/measures.cuh"
#include "cuda/tuning.h"

namespace igfast {

// So that measures may follow moments without a barrier: thread 0 alone reads the entries of
// merge_block, and not the first one.
static_assert(CudaTuning::kWarps * sizeof(double) <= sizeof(DeviceMoments), "sums use entry 0");

__device__ inline void finish_row_moments(const HistogramLaunch& launch, std::int64_t row,
                                          DeviceMoments* scratch) {
  const std::int64_t first = launch.row_first[row];
  finish_moments(launch.chunk_moments + first, launch.row_first[row + 1] - first, launch.moments,
                 row, scratch);
}

__device__ inline void finish_row_measures(const HistogramLaunch& launch, std::int64_t row,
                                           DeviceMoments* scratch) {
  const std::int64_t cells = std::int64_t{launch.splits} * launch.grid.bins;
  const std::int64_t outside = std::int64_t{launch.splits} * 2;
  const auto view = [&](const Count* counts, const Count* beyond) {
    return RowCounts{reinterpret_cast<const long long*>(counts) + row * cells,
                     reinterpret_cast<const long long*>(beyond) + row * outside, launch.grid.bins,
                     launch.splits};
  };
  write_measures(view(launch.out.counts, launch.out.outside),
                 view(launch.previous_counts, launch.previous_outside),
                 launch.measures + row * kFusedMeasures, scratch);
}

// A block on its way through its segments.
template <class Grid, class Counters, bool kMoments>
class BlockWalk {
 public:
  __device__ explicit BlockWalk(const HistogramLaunch& launch)
      : launch_(launch),
        scratch_(reinterpret_cast<DeviceMoments*>(shared_memory())),
        words_(reinterpret_cast<std::uint32_t*>(shared_memory() + kScratchBytes)),
        counters_(words_, cells(), launch.splits) {}

  __device__ void run() {
    for (std::int64_t i = threadIdx.x; i < Counters::words(cells(), launch_.splits);
         i += CudaTuning::kThreads) {
      words_[i] = 0;
    }
    __syncthreads();
    const std::int32_t first = launch_.block_first[blockIdx.x];
    const std::int32_t end = launch_.block_first[blockIdx.x + 1];
    for (std::int32_t s = first; s < end; ++s) {
      const Segment& segment = launch_.segments[s];
      output_ = {launch_.out, segment.row, launch_.grid.bins, launch_.splits};
      counters_.aim(output_);
      if (std::is_same<Counters, DirectCounters>::value || (segment.direct != 0 && !kNothing)) {
        DirectCounters direct(nullptr, 0, 0);
        direct.aim(output_);
        walk<false>(segment, direct);
      } else {
        // Atomics on the output bound direct counters, not the rule: no fast code for them.
        walk<!std::is_same<Counters, DirectCounters>::value>(segment, counters_);
      }
      if (segment.last != 0) {
        leave(segment, s);
      }
    }
    finish(first, end);
  }

 private:
  // The others' rules for float64 are their exact ones.
  static constexpr bool kFastDouble = std::is_same<Grid, DyadicGrid>::value && !kMoments;
  static constexpr bool kNothing = std::is_same<Counters, NoCounters>::value;

  __device__ std::int32_t cells() const {
    return launch_.grid.bins + static_cast<std::int32_t>(kExtraCells);
  }

  // Chunk by chunk: whole vectors by the fast rule where there is one, the rest by the exact rule.
  // Either way a vector goes to the same thread in the same order, so moments do not depend on it.
  template <bool kMayBeFast, class AnyCounters>
  __device__ void walk(const Segment& segment, AnyCounters& counters) {
    std::int64_t chunk = segment.first_chunk;
    for (std::int64_t begin = segment.begin; begin < segment.end;
         begin += launch_.chunk_elements, ++chunk) {
      const std::int64_t left = segment.end - begin;
      const auto size =
          static_cast<std::int32_t>(left < launch_.chunk_elements ? left : launch_.chunk_elements);
      std::conditional_t<kMoments, ThreadSums, NoSums> sums;
      std::int32_t done = 0;
      if constexpr (kMayBeFast) {
        done = add_vectors(segment, begin, size, sums);
      }
      add_rest(segment, begin, size, done, counters, sums);
      if constexpr (kMoments) {
        if (launch_.chunk_moments != nullptr) {  // null where one kernel serves with and without
          const DeviceMoments merged = merge_block(sums.central(), scratch_);
          if (threadIdx.x == 0) {
            launch_.chunk_moments[chunk] = merged;
          }
        }
      }
    }
  }

  // Returns how many whole vectors there were; 0 where there is no fast rule. The rule is made anew
  // for every chunk: it takes registers that nothing else should wait for.
  template <class Sums>
  __device__ std::int32_t add_vectors(const Segment& segment, std::int64_t begin, std::int32_t size,
                                      Sums& sums) {
    const auto dtype = static_cast<Dtype>(segment.dtype);
    if ((segment.pointer & 15) != 0) {
      return 0;
    }
    if (dtype == Dtype::kFloat64) {
      if constexpr (kFastDouble) {
        FastDyadicDouble rule{};
        if (Grid::fast(launch_.grid, segment.row, &rule)) {
          return add_as<double>(segment, begin, size, rule, sums);
        }
      }
      return 0;
    }
    typename Grid::Fast rule{};
    if (!Grid::fast(launch_.grid, segment.row, &rule)) {
      return 0;
    }
    if constexpr (!kMoments) {  // whose arithmetic outweighs a switch
      if (dtype == Dtype::kFloat32) {
        return add_as<float>(segment, begin, size, rule, sums);
      }
      if (dtype == Dtype::kBFloat16) {
        return add_as<BFloat16>(segment, begin, size, rule, sums);
      }
    }
    return add_as<std::conditional_t<kMoments, AnyNarrow, RareNarrow>>(segment, begin, size, rule,
                                                                       sums);
  }

  template <class T, class Rule, class Sums>
  __device__ __forceinline__ std::int32_t add_as(const Segment& segment, std::int64_t begin,
                                                 std::int32_t size, const Rule& rule, Sums& sums) {
    const int width = vector_size<T>(segment.dtype);
    constexpr int kStep = CudaTuning::kThreads * CudaTuning::kLoads;
    const auto* vectors =
        reinterpret_cast<const uint4*>(segment.pointer + begin * std::int64_t{16 / width});
    const std::int64_t flat = segment.start + begin;
    const std::int32_t whole = size / width;
    for (std::int32_t base = 0; base < whole; base += kStep) {
      uint4 data[CudaTuning::kLoads];
#pragma unroll
      for (int load = 0; load < CudaTuning::kLoads; ++load) {
        const std::int32_t index = base + load * CudaTuning::kThreads + thread();
        if (index < whole) {
          data[load] = __ldcs(vectors + index);  // read once: do not keep it in the caches
        }
      }
      reserve(counters_, CudaTuning::kLoads * width);
      // One copy of the code serves all loads: the next vector moves down a register at a time.
#pragma unroll 1
      for (std::int32_t index = base + thread(), load = 0; load < CudaTuning::kLoads;
           index += CudaTuning::kThreads, ++load) {
        if (index < whole) {
          add_vector<T>(data[0], segment.dtype, flat + std::int64_t{index} * width, launch_.splits,
                        rule, counters_, sums);
        }
#pragma unroll
        for (int next = 1; next < CudaTuning::kLoads; ++next) {
          data[next - 1] = data[next];
        }
      }
    }
    return whole;
  }

  // Vectors from number `done` on, the last of them perhaps not whole.
  template <class AnyCounters, class Sums>
  __device__ void add_rest(const Segment& segment, std::int64_t begin, std::int32_t size,
                           std::int32_t done, AnyCounters& counters, Sums& sums) {
    const std::int32_t item = item_size(segment.dtype);
    const std::int32_t width = 16 / item;
    const auto* source = reinterpret_cast<const unsigned char*>(segment.pointer) + begin * item;
    // The first round of threads that still has a vector to take.
    std::int32_t base = done / CudaTuning::kThreads * CudaTuning::kThreads;
    for (; base * width < size; base += CudaTuning::kThreads) {
      const std::int32_t index = base + thread();
      const std::int32_t first = index * width;
      reserve(counters, width);
      if (index >= done && first < size) {
        const int valid = min(width, size - first);
        const uint4 data = load_bytes(source + std::int64_t{first} * item, valid * item);
        add_exactly(data, valid, segment.dtype, segment.start + begin + first, launch_.splits,
                    Grid::exact(launch_.grid, segment.row), counters, sums);
      }
    }
  }

  // All threads are about to add up to `elements` each.
  template <class AnyCounters>
  __device__ void reserve(AnyCounters& counters, std::int32_t elements) {
    if constexpr (AnyCounters::kFlushes) {
      filled_ += elements;
      if (filled_ > AnyCounters::kElements) {
        __syncthreads();
        counters.flush(output_);
        __syncthreads();
        filled_ = elements;
      }
    }
  }

  __device__ void leave(const Segment& segment, std::int32_t s) {
    if constexpr (Counters::kFlushes) {
      if (filled_ != 0) {
        __syncthreads();
        counters_.flush(output_);
        filled_ = 0;
      }
    }
    // Every thread's additions come before the block's arrival, and the last arrival before any
    // reading of the row.
    __threadfence();
    __syncthreads();
    if (threadIdx.x == 0) {
      const std::uint32_t visits = launch_.visits[segment.row];
      launch_.finishes[s] =
          atomicInc(launch_.arrivals + segment.row, visits - 1u) == visits - 1u ? 1u : 0u;
    }
  }

  // What the last visitor of a row does: after all else, when registers are free for it.
  __device__ void finish(std::int32_t first, std::int32_t end) {
    const bool moments = kMoments && launch_.chunk_moments != nullptr;
    const bool measures = !kNothing && launch_.measures != nullptr;
    if (!moments && !measures) {
      return;
    }
    __syncthreads();
    __threadfence();
#pragma unroll 1
    for (std::int32_t s = first; s < end; ++s) {
      if (launch_.segments[s].last == 0 || launch_.finishes[s] == 0) {
        continue;
      }
      const std::int64_t row = launch_.segments[s].row;
      if (moments) {
        finish_row_moments(launch_, row, scratch_);
      }
      if (measures) {
        finish_row_measures(launch_, row, scratch_);
      }
    }
  }

  __device__ static std::int32_t thread() { return static_cast<std::int32_t>(threadIdx.x); }

  const HistogramLaunch& launch_;
  DeviceMoments* scratch_;
  std::uint32_t* words_;
  Counters counters_;
  OutputRow output_{};
  std::int32_t filled_ = 0;  // elements per thread since the last flush, at most
};

template <class Grid, class Counters, bool kMoments>
__global__ void __launch_bounds__(CudaTuning::kThreads, kMoments ? CudaTuning::kMinBlocksWithMoments
                                                                 : CudaTuning::kMinBlocks)
    histogram_kernel(const __grid_constant__ HistogramLaunch launch) {
  BlockWalk<Grid, Counters, kMoments>(launch).run();
}

}  // namespace igfast

#endif
