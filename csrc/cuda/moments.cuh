// Moments on the device: a thread sums powers of (x - shift) over its elements of a chunk, the
// block merges its threads in a fixed tree, and the last visitor of a row merges its chunks.
//
// Precision policy: float64, no contraction, one order of additions that depends on the tensors
// alone. The shift is the smallest value of the thread's first vector (the mean would let one
// outlier spoil it), so that the few hundred elements a thread sums lose little when they are
// referred to their own mean. A first vector of outliers toward zero loses digits in that thread's
// share.
#ifndef IGFAST_CUDA_MOMENTS_CUH
#define IGFAST_CUDA_MOMENTS_CUH

#include <cmath>
#include <cstdint>

#include "cuda/device.cuh"
#include "cuda/launch.h"
#include "cuda/tuning.h"
#include "grid.h"

namespace igfast {

// The sums of one thread over one chunk.
struct ThreadSums {
  double shift = 0.0;
  double first = 0.0;
  double second = 0.0;
  double third = 0.0;
  double fourth = 0.0;
  double minimum = HUGE_VAL;
  double maximum = -HUGE_VAL;
  std::uint32_t count = 0;
  std::uint32_t nan = 0;
  std::uint32_t inf = 0;
  std::uint32_t zeros = 0;

  __device__ void add(double x) {
    if (x != x) {
      ++nan;
      return;
    }
    if (fabs(x) == HUGE_VAL) {
      ++inf;
      return;
    }
    ++count;
    zeros += x == 0.0 ? 1u : 0u;
    minimum = x < minimum ? x : minimum;
    maximum = x > maximum ? x : maximum;
    const double d = x - shift;
    const double square = d * d;
    first += d;
    second += square;
    third += square * d;
    fourth += square * square;
  }

  __device__ void choose_shift(double candidate) {
    if (count == 0 && fabs(candidate) != HUGE_VAL) {
      shift = candidate;
    }
  }

  __device__ DeviceMoments central() const {
    DeviceMoments result;
    result.nan = nan;
    result.inf = inf;
    if (count == 0) {
      return result;
    }
    const auto n = static_cast<double>(count);
    const double mu = first / n;  // mean - shift
    result.count = count;
    result.zeros = zeros;
    result.minimum = minimum;
    result.maximum = maximum;
    result.sum = n * shift + first;
    result.squares = fmax(0.0, (second + 2.0 * shift * first) + n * (shift * shift));
    result.mean = shift + mu;
    result.m2 = fmax(0.0, second - mu * first);
    result.m3 = third - mu * (3.0 * second - 2.0 * mu * first);
    result.m4 = fmax(0.0, fourth - mu * (4.0 * third - mu * (6.0 * second - 3.0 * mu * first)));
    return result;
  }
};

// Where moments are not wanted: nothing, at no cost.
struct NoSums {
  __device__ void add(double) {}
  __device__ void choose_shift(double) {}
};

__device__ inline DeviceMoments shuffle_down(const DeviceMoments& from, unsigned distance) {
  DeviceMoments to;
  const auto integer = [&](std::int64_t value) {
    return static_cast<std::int64_t>(
        __shfl_down_sync(kFullWarp, static_cast<long long>(value), distance));
  };
  const auto real = [&](double value) { return __shfl_down_sync(kFullWarp, value, distance); };
  to.count = integer(from.count);
  to.nan = integer(from.nan);
  to.inf = integer(from.inf);
  to.zeros = integer(from.zeros);
  to.minimum = real(from.minimum);
  to.maximum = real(from.maximum);
  to.sum = real(from.sum);
  to.squares = real(from.squares);
  to.mean = real(from.mean);
  to.m2 = real(from.m2);
  to.m3 = real(from.m3);
  to.m4 = real(from.m4);
  return to;
}

// All threads of the block call it; thread 0 gets the merged result. `scratch` holds one entry per
// warp and may be used again after the next barrier.
__device__ inline DeviceMoments merge_block(DeviceMoments mine, DeviceMoments* scratch) {
#pragma unroll 1
  for (unsigned distance = 16; distance > 0; distance /= 2) {
    const DeviceMoments other = shuffle_down(mine, distance);
    if (static_cast<unsigned>(lane_index()) < distance) {
      mine.merge(other);
    }
  }
  __syncthreads();
  if (lane_index() == 0) {
    scratch[threadIdx.x / 32] = mine;
  }
  __syncthreads();
  if (threadIdx.x == 0) {
#pragma unroll 1
    for (int warp = 1; warp < CudaTuning::kWarps; ++warp) {
      mine.merge(scratch[warp]);
    }
  }
  return mine;
}

__device__ inline void write_extents(const DeviceMoments& total, std::int64_t* zeros,
                                     double* extremes) {
  *zeros = total.zeros;
  extremes[0] = total.minimum + 0.0;  // -0.0 becomes 0.0: which zero comes first must not matter
  extremes[1] = total.maximum + 0.0;
}

__device__ inline void write_moments(DeviceMoments total, std::int64_t* integers, double* floats) {
  if (total.count > 0 && total.minimum == total.maximum) {  // constant: exactly no spread
    total.mean = total.minimum;
    total.m2 = total.m3 = total.m4 = 0.0;
  } else if (total.count > 0 && fabs(total.sum) < HUGE_VAL) {
    total.mean = total.sum / static_cast<double>(total.count);
  }
  integers[0] = total.count;
  integers[1] = total.nan;
  integers[2] = total.inf;
  integers[3] = total.zeros;
  floats[0] = total.minimum + 0.0;
  floats[1] = total.maximum + 0.0;
  floats[2] = total.sum;
  floats[3] = total.squares;
  floats[4] = total.mean + 0.0;
  floats[5] = total.m2;
  floats[6] = total.m3;
  floats[7] = total.m4;
}

// The whole block merges the chunks of a row: thread t takes chunks t, t + threads, ... in order.
__device__ inline void finish_moments(const DeviceMoments* chunks, std::int64_t count,
                                      const MomentOutputs& out, std::int64_t row,
                                      DeviceMoments* scratch) {
  DeviceMoments mine;
#pragma unroll 1
  for (std::int64_t c = threadIdx.x; c < count; c += CudaTuning::kThreads) {
    mine.merge(chunks[c]);
  }
  const DeviceMoments total = merge_block(mine, scratch);
  if (threadIdx.x == 0 && out.integers != nullptr) {
    write_moments(total, out.integers + row * 4, out.floats + row * 8);
  }
  if (threadIdx.x == 0 && out.zeros != nullptr) {
    write_extents(total, out.zeros + row, out.extremes + row * 2);
  }
}

}  // namespace igfast

#endif
