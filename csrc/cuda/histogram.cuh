// The kernel: every block walks its segments; one launch serves all tensors, whatever their dtypes.
#ifndef IGFAST_CUDA_HISTOGRAM_CUH
#define IGFAST_CUDA_HISTOGRAM_CUH

#include <cstdint>
#include <type_traits>

#include "cuda/counters.cuh"
#include "cuda/device.cuh"
#include "cuda/layout.h"
#include "cuda/measures.cuh"
#include "cuda/moments.cuh"
#include "cuda/rules.cuh"
#include "cuda/tuning.h"
#include "cuda/vector.cuh"

namespace igfast {

// One launch; all pointers to device memory.
struct HistogramLaunch {
  const Segment* segments;
  const std::int32_t* block_first;  // [blocks + 1]
  const std::uint32_t* visits;      // [L]
  std::uint32_t* arrivals;          // [L] zero between launches
  std::int32_t chunk_elements;
  DeviceGrid grid;
  std::int32_t splits;
  DeviceOutputs out;
  DeviceMoments* chunk_moments;   // [chunks]; null without moments
  const std::int64_t* row_first;  // [L + 1]
  MomentOutputs moments;
  const Count* previous_counts;   // [L, G, B] and
  const Count* previous_outside;  // [L, G, 2] of the histogram to compare with
  double* measures;               // [L, kFusedMeasures]; null where not wanted
};

// Reductions use the first bytes of shared memory, counters the rest.
constexpr std::int64_t kScratchBytes = CudaTuning::kWarps * sizeof(DeviceMoments);
static_assert(kScratchBytes % 16 == 0, "counters start aligned");
// So that measures may follow moments without a barrier: thread 0 alone reads the entries of
// merge_block, and not the first one.
static_assert(CudaTuning::kWarps * sizeof(double) <= sizeof(DeviceMoments), "sums use entry 0");

// Splits of the elements of a vector: element j of the first `crossing` lies in the 256-block of
// the first element, the others in the next.
struct VectorSplits {
  std::uint32_t before;
  std::uint32_t after;
  std::uint32_t crossing;
  std::uint32_t mask;

  __device__ VectorSplits(std::int64_t flat, std::int32_t splits)
      : before(static_cast<std::uint32_t>(flat) + block_rotation(flat)),
        after(static_cast<std::uint32_t>(flat) + block_rotation(flat + kBlock)),
        crossing(256u - (static_cast<std::uint32_t>(flat) & 255u)),
        mask(static_cast<std::uint32_t>(splits) - 1u) {}

  __device__ std::uint32_t operator()(std::uint32_t j) const {
    return ((j < crossing ? before : after) + j) & mask;
  }
};

// Any dtype, any rule, the first `valid` elements: the ends of tensors and the rare grids.
template <class Rule, class Counters, class Sums>
__device__ void add_exactly(uint4 data, int valid, std::int32_t dtype, std::int64_t flat,
                            std::int32_t splits, const Rule& rule, Counters& counters, Sums& sums) {
  const auto size = static_cast<unsigned>(item_size(dtype));
  if constexpr (!std::is_same<Sums, NoSums>::value) {
    double smallest = HUGE_VAL;
    uint4 rest = data;
    for (int j = 0; j < valid; ++j, rest = rotate(rest, size)) {
      const double x = first_element(rest, dtype);
      smallest = fabs(x) < fabs(smallest) ? x : smallest;
    }
    sums.choose_shift(smallest);
  }
  const VectorSplits split(flat, splits);
  for (int j = 0; j < valid; ++j, data = rotate(data, size)) {
    const double x = first_element(data, dtype);
    sums.add(x);
    const Placed placed = rule.place(x);
    counters.add(placed.cell, split(static_cast<std::uint32_t>(j)), placed.digit);
  }
}

// All elements of a vector, by the fast rule of the dtype. Eight-bit types take a word of four
// elements at a time, which keeps the code small.
template <class T, class Rule, class Counters, class Sums>
__device__ __forceinline__ void add_vector(uint4 data, std::int64_t flat, std::int32_t splits,
                                           const Rule& rule, Counters& counters, Sums& sums) {
  constexpr int kSize = kVectorSize<T>;
  constexpr int kUnrolled = kSize < 8 ? kSize : sizeof(T) == 1 ? 4 : 8;
  const auto for_each = [](uint4 rest, auto take) {
#pragma unroll 1
    for (int first = 0; first < kSize; first += kUnrolled) {
#pragma unroll
      for (int j = 0; j < kUnrolled; ++j) {
        take(first + j, element<T>(rest, j));
      }
      if constexpr (kUnrolled < kSize) {
        rest = make_uint4(rest.y, rest.z, rest.w, rest.x);
      }
    }
  };
  if constexpr (!std::is_same<Sums, NoSums>::value) {
    if (sums.count == 0) {
      double smallest = HUGE_VAL;
      for_each(data, [&](int, double x) { smallest = fabs(x) < fabs(smallest) ? x : smallest; });
      sums.choose_shift(smallest);
    }
    for_each(data, [&](int, double x) { sums.add(x); });
  }
  if (splits == 1) {
    for_each(data, [&](int, Widened<T> x) {
      const Placed placed = rule.place(x);
      counters.add(placed.cell, 0, placed.digit);
    });
    return;
  }
  const VectorSplits split(flat, splits);
  unsigned turn = 0;
  if constexpr (Counters::kRotates) {
    // Lanes whose vectors start in the same split turn by different amounts.
    const unsigned lanes = splits > kSize ? static_cast<unsigned>(splits) / kSize : 1u;
    turn = (static_cast<unsigned>(lane_index()) / lanes) & (kSize - 1u);
    data = rotate(data, turn * static_cast<unsigned>(sizeof(T)));
  }
  for_each(data, [&](int j, Widened<T> x) {
    const Placed placed = rule.place(x);
    counters.add(placed.cell, split((static_cast<unsigned>(j) + turn) & (kSize - 1u)),
                 placed.digit);
  });
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
    const std::int32_t end = launch_.block_first[blockIdx.x + 1];
    for (std::int32_t s = launch_.block_first[blockIdx.x]; s < end; ++s) {
      const Segment segment = launch_.segments[s];
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
        leave(segment);
      }
    }
  }

 private:
  static constexpr bool kNothing = std::is_same<Counters, NoCounters>::value;

  __device__ std::int32_t cells() const {
    return launch_.grid.bins + static_cast<std::int32_t>(kExtraCells);
  }

  // Chunk by chunk: whole vectors by the fast rule where there is one, the rest by the exact rule.
  // Either way a vector goes to the same thread in the same order, so moments do not depend on it.
  template <bool kMayBeFast, class AnyCounters>
  __device__ void walk(const Segment& segment, AnyCounters& counters) {
    bool fast = false;
    if constexpr (kMayBeFast) {
      fast = (segment.pointer & 15) == 0 &&
             (segment.dtype == static_cast<std::int32_t>(Dtype::kFloat64)
                  ? Grid::fast(launch_.grid, segment.row, &wide_)
                  : Grid::fast(launch_.grid, segment.row, &narrow_));
    }
    std::int64_t chunk = segment.first_chunk;
    for (std::int64_t begin = segment.begin; begin < segment.end;
         begin += launch_.chunk_elements, ++chunk) {
      const std::int64_t left = segment.end - begin;
      const auto size =
          static_cast<std::int32_t>(left < launch_.chunk_elements ? left : launch_.chunk_elements);
      std::conditional_t<kMoments, ThreadSums, NoSums> sums;
      std::int32_t done = 0;
      if constexpr (kMayBeFast) {
        done = fast ? add_vectors(segment, begin, size, sums) : 0;
      }
      add_rest(segment, begin, size, done, counters, sums);
      if constexpr (kMoments) {
        const DeviceMoments merged = merge_block(sums.central(), scratch_);
        if (threadIdx.x == 0) {
          launch_.chunk_moments[chunk] = merged;
        }
      }
    }
  }

  // Returns how many whole vectors there were.
  template <class Sums>
  __device__ std::int32_t add_vectors(const Segment& segment, std::int64_t begin, std::int32_t size,
                                      Sums& sums) {
    switch (static_cast<Dtype>(segment.dtype)) {
      case Dtype::kFloat64: return add_as<double>(segment, begin, size, wide_, sums);
      case Dtype::kFloat32: return add_as<float>(segment, begin, size, narrow_, sums);
      case Dtype::kFloat16: return add_as<Float16>(segment, begin, size, narrow_, sums);
      case Dtype::kBFloat16: return add_as<BFloat16>(segment, begin, size, narrow_, sums);
      case Dtype::kFloat8E4M3FN: return add_as<Float8E4M3FN>(segment, begin, size, narrow_, sums);
      case Dtype::kFloat8E5M2: return add_as<Float8E5M2>(segment, begin, size, narrow_, sums);
    }
    return 0;
  }

  template <class T, class Rule, class Sums>
  __device__ __forceinline__ std::int32_t add_as(const Segment& segment, std::int64_t begin,
                                                 std::int32_t size, const Rule& rule, Sums& sums) {
    constexpr int kSize = kVectorSize<T>;
    constexpr int kStep = CudaTuning::kThreads * CudaTuning::kLoads;
    const auto* vectors = reinterpret_cast<const uint4*>(
        segment.pointer + begin * static_cast<std::int64_t>(sizeof(T)));
    const std::int64_t flat = segment.start + begin;
    const std::int32_t whole = size / kSize;
    for (std::int32_t base = 0; base < whole; base += kStep) {
      uint4 data[CudaTuning::kLoads];
#pragma unroll
      for (int load = 0; load < CudaTuning::kLoads; ++load) {
        const std::int32_t index = base + load * CudaTuning::kThreads + thread();
        if (index < whole) {
          data[load] = __ldcs(vectors + index);  // read once: do not keep it in the caches
        }
      }
      reserve(counters_, CudaTuning::kLoads * kSize);
      // One copy of the code serves all loads: the next vector moves down a register at a time.
#pragma unroll 1
      for (std::int32_t index = base + thread(), load = 0; load < CudaTuning::kLoads;
           index += CudaTuning::kThreads, ++load) {
        if (index < whole) {
          add_vector<T>(data[0], flat + std::int64_t{index} * kSize, launch_.splits, rule,
                        counters_, sums);
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
        // Unseen by the simulator, which does not preempt a thread between plain accesses.
        __syncthreads();
        counters.flush(output_);
        __syncthreads();
        filled_ = elements;
      }
    }
  }

  __device__ void leave(const Segment& segment) {
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
    // Unseen by the simulator, which runs blocks one after the other.
    __syncthreads();
    auto* last = reinterpret_cast<std::uint32_t*>(scratch_);
    if (threadIdx.x == 0) {
      const std::uint32_t visits = launch_.visits[segment.row];
      *last = atomicInc(launch_.arrivals + segment.row, visits - 1u) == visits - 1u ? 1u : 0u;
    }
    __syncthreads();
    const bool finishes = *last != 0;
    __syncthreads();
    if (finishes) {
      __threadfence();
      finish(launch_, segment.row, scratch_);
    }
  }

  IGF_OUTLINED static __device__ void finish(const HistogramLaunch& launch_, std::int64_t row,
                                             DeviceMoments* scratch_) {
    if constexpr (kMoments) {
      const std::int64_t first = launch_.row_first[row];
      finish_moments(launch_.chunk_moments + first, launch_.row_first[row + 1] - first,
                     launch_.moments, row, scratch_);
    }
    if (!kNothing && launch_.measures != nullptr) {
      const std::int64_t cells = std::int64_t{launch_.splits} * launch_.grid.bins;
      const std::int64_t outside = std::int64_t{launch_.splits} * 2;
      const auto view = [&](const Count* counts, const Count* beyond) {
        return RowCounts{reinterpret_cast<const long long*>(counts) + row * cells,
                         reinterpret_cast<const long long*>(beyond) + row * outside,
                         launch_.grid.bins, launch_.splits};
      };
      write_measures(view(launch_.out.counts, launch_.out.outside),
                     view(launch_.previous_counts, launch_.previous_outside),
                     launch_.measures + row * kFusedMeasures, scratch_);
    }
  }

  __device__ static std::int32_t thread() { return static_cast<std::int32_t>(threadIdx.x); }

  const HistogramLaunch& launch_;
  DeviceMoments* scratch_;
  std::uint32_t* words_;
  Counters counters_;
  OutputRow output_{};
  std::int32_t filled_ = 0;  // elements per thread since the last flush, at most
  typename Grid::template Fast<float> narrow_{};
  typename Grid::template Fast<double> wide_{};
};

template <class Grid, class Counters, bool kMoments>
__global__ void __launch_bounds__(CudaTuning::kThreads, kMoments ? CudaTuning::kMinBlocksWithMoments
                                                                 : CudaTuning::kMinBlocks)
    histogram_kernel(const __grid_constant__ HistogramLaunch launch) {
  BlockWalk<Grid, Counters, kMoments>(launch).run();
}

}  // namespace igfast

#endif
