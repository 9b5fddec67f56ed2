// What the host hands to a kernel: plain structs, so that host files need no CUDA compiler.
#ifndef IGFAST_CUDA_LAUNCH_H
#define IGFAST_CUDA_LAUNCH_H

#include <cmath>
#include <cstdint>

#include "cuda/layout.h"
#include "cuda/tuning.h"
#include "grid.h"
#include "host_device.h"

namespace igfast {

using Count = unsigned long long;  // what 64-bit atomics take; the outputs are int64

// Everything about the grid, in device memory; what a grid kind does not use is null or zero.
struct DeviceGrid {
  std::int32_t bins;
  const std::int64_t* exponents;  // [L]
  const std::int64_t* origins;    // [L]
  LogRule log;
  // Uniform, [1 or L]: rules whose thresholds are in device memory.
  const UniformRule<float>* float_tables;
  const UniformRule<double>* double_tables;
  std::int32_t table_rows;
};

// Split counts [L, G, B], outside [L, G, 2], NaN [L], offsets [L, G, B] or null.
struct DeviceOutputs {
  Count* counts;
  Count* outside;
  Count* nan;
  Count* offsets;
};

struct DeviceMoments {
  std::int64_t count = 0;
  std::int64_t nan = 0;
  std::int64_t inf = 0;
  std::int64_t zeros = 0;
  double minimum = HUGE_VAL;
  double maximum = -HUGE_VAL;
  double sum = 0.0;
  double squares = 0.0;
  double mean = 0.0;
  double m2 = 0.0;
  double m3 = 0.0;
  double m4 = 0.0;

  // Pairwise update of Chan, Golub, LeVeque (1979) and Pebay (2008).
  IGF_HOST_DEVICE void merge(const DeviceMoments& other) {
    nan += other.nan;
    inf += other.inf;
    if (other.count == 0) {
      return;
    }
    const auto n_a = static_cast<double>(count);
    const auto n_b = static_cast<double>(other.count);
    const double delta = other.mean - mean;
    const double step = delta / (n_a + n_b);
    const double cross = delta * step * n_a * n_b;  // delta^2 n_a n_b / n
    m4 += other.m4 + cross * step * step * (n_a * n_a - n_a * n_b + n_b * n_b) +
          6.0 * step * step * (n_a * n_a * other.m2 + n_b * n_b * m2) +
          4.0 * step * (n_a * other.m3 - n_b * m3);
    m3 += other.m3 + cross * step * (n_a - n_b) + 3.0 * step * (n_a * other.m2 - n_b * m2);
    m2 += other.m2 + cross;
    mean = count == 0 ? other.mean : mean + step * n_b;
    count += other.count;
    zeros += other.zeros;
    minimum = other.minimum < minimum ? other.minimum : minimum;
    maximum = other.maximum > maximum ? other.maximum : maximum;
    sum += other.sum;
    squares += other.squares;
  }
};

// Outputs of all rows: integers [L, 4] and floats [L, 8] as in igf_moments_output, zeros [L] and
// extremes [L, 2] as in igf_extents_output; null where not wanted.
struct MomentOutputs {
  std::int64_t* integers;
  double* floats;
  std::int64_t* zeros;
  double* extremes;
};

// What the fused launch writes per row: the summed squared root differences from the previous
// histogram (information velocity is 2 sqrt of it per step), Shannon entropy, complexity,
// Jensen-Shannon divergence.
constexpr int kFusedMeasures = 4;

// One launch; all pointers to device memory.
struct HistogramLaunch {
  const Segment* segments;
  const std::int32_t* block_first;  // [blocks + 1]
  const std::uint32_t* visits;      // [L]
  std::uint32_t* arrivals;          // [L] zero between launches
  std::uint32_t* finishes;          // [segments] whether the block was a row's last visitor
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

}  // namespace igfast

#endif
