// Measures of one row by one block: every thread sums its cells with compensation, and the threads
// are added in one fixed tree, so that results repeat bit for bit.
#ifndef IGFAST_CUDA_MEASURES_CUH
#define IGFAST_CUDA_MEASURES_CUH

#include <cstdint>

#include "cuda/device.cuh"
#include "cuda/launch.h"
#include "cuda/tuning.h"
#include "measures.h"

namespace igfast {

// Neumaier's sum.
struct DeviceSum {
  double total = 0.0;
  double lost = 0.0;

  __device__ void add(double term) {
    const double next = total + term;
    lost += fabs(total) >= fabs(term) ? (total - next) + term : (term - next) + total;
    total = next;
  }
  // An infinite term turns `lost` into NaN and says it all by itself.
  __device__ double value() const { return fabs(total) < HUGE_VAL ? total + lost : total; }
};

// Every thread gets the sum over the block. `scratch` [warps] is free again on return.
template <class T>
__device__ inline T block_sum(T value, T* scratch) {
  for (unsigned distance = 16; distance > 0; distance /= 2) {
    value += __shfl_xor_sync(kFullWarp, value, static_cast<int>(distance));
  }
  if (lane_index() == 0) {
    scratch[threadIdx.x / 32] = value;
  }
  __syncthreads();
  T total = scratch[0];
  for (int warp = 1; warp < CudaTuning::kWarps; ++warp) {
    total += scratch[warp];
  }
  __syncthreads();
  return total;
}

// Counts of one row as kernels see them: splits are summed on reading.
struct RowCounts {
  const long long* counts;   // [G, B]
  const long long* outside;  // [G, 2], or null where in-range bins alone matter
  std::int64_t bins;
  int splits;

  // Cells 0 .. bins - 1 are the bins, then under- and overflow.
  __device__ std::int64_t cells() const { return bins + (outside != nullptr ? 2 : 0); }
  __device__ std::int64_t operator[](std::int64_t cell) const {
    long long sum = 0;
#pragma unroll 1
    for (int split = 0; split < splits; ++split) {
      // Past the first-level cache: other blocks have just added to these words.
      sum += cell < bins ? __ldcg(counts + split * bins + cell)
                         : __ldcg(outside + split * 2 + (cell - bins));
    }
    return sum;
  }
};

__device__ inline std::int64_t block_total(const RowCounts& row, void* scratch) {
  long long mine = 0;
#pragma unroll 1
  for (std::int64_t cell = threadIdx.x; cell < row.cells(); cell += CudaTuning::kThreads) {
    mine += row[cell];
  }
  return block_sum(mine, static_cast<long long*>(scratch));
}

// The sum of term(cell) over the cells of p, by all threads.
template <class Term>
__device__ double sum_cells(std::int64_t cells, void* scratch, Term term) {
  DeviceSum sum;
#pragma unroll 1
  for (std::int64_t cell = threadIdx.x; cell < cells; cell += CudaTuning::kThreads) {
    sum.add(term(cell));
  }
  return block_sum(sum.value(), static_cast<double*>(scratch));
}

// NaN where either histogram is empty.
template <class Term>
__device__ double divergence_sum(const RowCounts& p, const RowCounts& q, void* scratch, Term term) {
  const std::int64_t n = block_total(p, scratch);
  const std::int64_t m = block_total(q, scratch);
  if (n <= 0 || m <= 0) {
    return nan("");
  }
  return sum_cells(p.cells(), scratch,
                   [&](std::int64_t cell) { return term(make_cell(p[cell], n, q[cell], m)); });
}

__device__ inline double entropy_of(const RowCounts& p, void* scratch) {
  const std::int64_t total = block_total(p, scratch);
  if (total <= 0) {
    return nan("");
  }
  return sum_cells(p.cells(), scratch,
                   [&](std::int64_t cell) { return shannon_term(p[cell], total); });
}

// H/ln B times Q0 times the Jensen-Shannon divergence from the uniform distribution.
__device__ inline double complexity_of(const RowCounts& p, double entropy, void* scratch) {
  const std::int64_t total = block_total(p, scratch);
  if (total <= 0 || p.bins < 2) {
    return nan("");
  }
  const double divergence = sum_cells(p.cells(), scratch, [&](std::int64_t cell) {
    return js_term(make_cell(p[cell], total, 1, p.bins));
  });
  const auto bins = static_cast<double>(p.bins);
  return entropy / log(bins) * complexity_scale(bins) * divergence;
}

// Writes the kFusedMeasures of a row. Velocity and divergence count under- and overflow as cells,
// entropy and complexity do not.
__device__ inline void write_measures(const RowCounts& now, const RowCounts& before, double* out,
                                      void* scratch) {
  const double hellinger = divergence_sum(
      now, before, scratch, [](const Cell& cell) { return hellinger_squared_term(cell); });
  const double js =
      divergence_sum(now, before, scratch, [](const Cell& cell) { return js_term(cell); });
  const RowCounts inside{now.counts, nullptr, now.bins, now.splits};
  const double entropy = entropy_of(inside, scratch);
  const double complexity = complexity_of(inside, entropy, scratch);
  if (threadIdx.x == 0) {
    out[0] = hellinger;
    out[1] = entropy;
    out[2] = complexity;
    out[3] = js;
  }
}

}  // namespace igfast

#endif
