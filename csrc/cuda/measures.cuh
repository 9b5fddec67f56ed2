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
  const long long* outside;  // [G, 2]; null where no cell beyond the bins is asked for
  std::int64_t bins;
  int splits;

  // Cells 0 .. bins - 1 are the bins, then under- and overflow.
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

__device__ inline std::int64_t block_total(const RowCounts& row, std::int64_t cells,
                                           void* scratch) {
  long long mine = 0;
#pragma unroll 1
  for (std::int64_t cell = threadIdx.x; cell < cells; cell += CudaTuning::kThreads) {
    mine += row[cell];
  }
  return block_sum(mine, static_cast<long long*>(scratch));
}

// The sum of term(cell) over cells, by all threads.
template <class Term>
__device__ double sum_cells(std::int64_t cells, void* scratch, Term term) {
  DeviceSum sum;
#pragma unroll 1
  for (std::int64_t cell = threadIdx.x; cell < cells; cell += CudaTuning::kThreads) {
    sum.add(term(cell));
  }
  return block_sum(sum.value(), static_cast<double*>(scratch));
}

// What the fused launch sums, in the order of its output.
enum FusedTerm : int { kHellingerTerm, kEntropyTerm, kComplexityTerm, kJsTerm };

// Outlined: its logarithms would cost the kernels' loops registers.
IGF_OUTLINED __device__ inline double fused_term(int kind, std::int64_t n, std::int64_t total_n,
                                                 std::int64_t m, std::int64_t total_m) {
  if (kind == kEntropyTerm) {
    return shannon_term(n, total_n);
  }
  const Cell cell = make_cell(n, total_n, m, total_m);
  return kind == kHellingerTerm ? hellinger_squared_term(cell) : js_term(cell);
}

// H/ln B times Q0 times the Jensen-Shannon divergence from the uniform distribution.
__device__ inline double complexity(double entropy, double divergence, std::int64_t bins) {
  const auto b = static_cast<double>(bins);
  return bins < 2 ? nan("") : entropy / log(b) * complexity_scale(b) * divergence;
}

// Writes the kFusedMeasures of a row. Velocity and divergence count under- and overflow as cells,
// entropy and complexity (a divergence from equal counts) do not. NaN where a histogram is empty.
__device__ inline void write_measures(const RowCounts& now, const RowCounts& before, double* out,
                                      void* scratch) {
  const std::int64_t total_inside = block_total(now, now.bins, scratch);
  const std::int64_t total_now = block_total(now, now.bins + 2, scratch);
  const std::int64_t total_before = block_total(before, before.bins + 2, scratch);
#pragma unroll 1
  for (int kind = 0; kind < kFusedMeasures; ++kind) {
    const bool compares = kind == kHellingerTerm || kind == kJsTerm;
    const std::int64_t n = compares ? total_now : total_inside;
    const std::int64_t m = compares ? total_before : now.bins;
    double sum = nan("");
    if (n > 0 && m > 0) {
      sum = sum_cells(compares ? now.bins + 2 : now.bins, scratch, [&](std::int64_t cell) {
        return fused_term(kind, now[cell], n, compares ? before[cell] : 1, m);
      });
    }
    if (threadIdx.x == 0) {
      out[kind] = kind == kComplexityTerm ? complexity(out[kEntropyTerm], sum, now.bins) : sum;
    }
  }
}

}  // namespace igfast

#endif
