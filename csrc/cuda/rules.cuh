// Grids on the device. A grid names the exact rule of grid.h for any value as a double (`Exact`)
// and, for the values and bins that training meets, a shorter rule with the same results (`Fast`).
//
// Precision policy: as in grid.h nothing rounds. A product with a power of two >= 1 is exact or
// overflows to infinity; conversions to integers round down and saturate beyond every bin.
#ifndef IGFAST_CUDA_RULES_CUH
#define IGFAST_CUDA_RULES_CUH

#include <cstdint>

#include "cuda/device.cuh"
#include "cuda/launch.h"
#include "grid.h"

namespace igfast {

// ---- dyadic ----
struct FastDyadic {
  float scale;
  std::int32_t origin;
  std::int32_t bins;

  __device__ Placed place(float x) const {
    const std::int32_t units = __float2int_rd(x * scale);
    const std::int32_t bin = (units >> 8) - origin;
    const std::int32_t clamped = min(max(bin, -1), bins);
    const auto cell = static_cast<std::uint32_t>(clamped + 2);
    return {x == x ? cell : static_cast<std::uint32_t>(kNanCell),
            static_cast<std::uint32_t>(units & 255)};
  }
};

struct FastDyadicDouble {
  double scale;
  DyadicRule rule;

  __device__ Placed place(double x) const {
    const Placed placed = dyadic_place(rule, __double2ll_rd(x * scale));
    return {x == x ? placed.cell : static_cast<std::uint32_t>(kNanCell), placed.digit};
  }
};

struct DyadicGrid {
  using Fast = FastDyadic;

  struct Exact {
    DyadicRule rule;
    __device__ Placed place(double x) const { return igfast::place(rule, x); }
  };

  __device__ static DyadicRule rule(const DeviceGrid& grid, std::int32_t row) {
    return {static_cast<std::int32_t>(grid.exponents[row]), grid.bins, grid.origins[row]};
  }
  __device__ static Exact exact(const DeviceGrid& grid, std::int32_t row) {
    return {rule(grid, row)};
  }

  // Scaled by 2^(8 - k) >= 1, so that no value underflows, and saturated units lie beyond the bins.
  __device__ static bool fast(const DeviceGrid& grid, std::int32_t row, FastDyadic* found) {
    const DyadicRule exact = rule(grid, row);
    constexpr std::int64_t kFarthest = std::int64_t{1} << 22;
    if (exact.exponent > 8 || exact.exponent < 8 - 127 || exact.origin < -kFarthest ||
        exact.origin + exact.bins > kFarthest) {
      return false;
    }
    found->scale = float_from_bits(static_cast<std::uint32_t>(8 - exact.exponent + 127) << 23);
    found->origin = static_cast<std::int32_t>(exact.origin);
    found->bins = exact.bins;
    return true;
  }
  __device__ static bool fast(const DeviceGrid& grid, std::int32_t row, FastDyadicDouble* found) {
    const DyadicRule exact = rule(grid, row);
    if (exact.exponent > 8 || exact.exponent < 8 - 1023) {
      return false;
    }
    const auto power = static_cast<std::uint64_t>(8 - exact.exponent + 1023) << 52;
    memcpy(&found->scale, &power, sizeof power);
    found->rule = exact;
    return true;
  }
};

// ---- log ----
struct FastLog {
  float central;  // 2^(7 - min_exponent)
  std::int32_t shift;
  std::int32_t base;
  std::int32_t half;

  __device__ Placed place(float x) const {
    const std::uint32_t bits = bits_from_float(x);
    const std::uint32_t magnitude = bits & 0x7fffffffu;
    const std::uint32_t key = magnitude >> shift;  // exponent and top mantissa bits, then 8 more
    const std::int32_t outward = min(static_cast<std::int32_t>(key >> 8) - base, half) + 1;
    const bool negative = (bits >> 31) != 0;
    std::uint32_t digit = negative ? 255u - (key & 255u) : key & 255u;
    std::int32_t bin = half;
    if (outward > 0) {
      bin += negative ? -outward : outward;
    } else {
      digit = static_cast<std::uint32_t>(__float2int_rd(x * central) + 128);
    }
    const auto cell = static_cast<std::uint32_t>(bin + 2);
    return {magnitude > 0x7f800000u ? static_cast<std::uint32_t>(kNanCell) : cell, digit};
  }
};

struct LogGrid {
  using Fast = FastLog;

  struct Exact {
    LogRule rule;
    __device__ Placed place(double x) const { return igfast::place(rule, x); }
  };

  __device__ static Exact exact(const DeviceGrid& grid, std::int32_t) { return {grid.log}; }

  // Subnormals lie in the central bin, infinity beyond the last, and the central scale is >= 1.
  __device__ static bool fast(const DeviceGrid& grid, std::int32_t, FastLog* found) {
    const LogRule& log = grid.log;
    const std::int32_t max_exponent = log.min_exponent + (log.half >> log.mantissa_bits);
    if (log.min_exponent < -120 || log.min_exponent > 7 || max_exponent > 128) {
      return false;
    }
    found->central = float_from_bits(static_cast<std::uint32_t>(7 - log.min_exponent + 127) << 23);
    found->shift = 15 - log.mantissa_bits;
    found->base = (log.min_exponent + 127) << log.mantissa_bits;
    found->half = log.half;
    return true;
  }
};

// ---- uniform ----
struct FastUniform {
  UniformRule<float> rule;
  __device__ Placed place(float x) const {
    UniformRule<float> close = rule;
    close.guess_is_close = true;  // known here, so that the other branch is not compiled
    return igfast::place(close, x);
  }
};

struct UniformGrid {
  using Fast = FastUniform;

  struct Exact {
    UniformRule<double> rule;
    __device__ Placed place(double x) const { return igfast::place(rule, x); }
  };

  template <class V>
  __device__ static UniformRule<V> rule(const UniformRule<V>* tables, const DeviceGrid& grid,
                                        std::int32_t row) {
    return tables[grid.table_rows == 1 ? 0 : row];
  }
  __device__ static Exact exact(const DeviceGrid& grid, std::int32_t row) {
    return {rule(grid.double_tables, grid, row)};
  }
  __device__ static bool fast(const DeviceGrid& grid, std::int32_t row, FastUniform* found) {
    found->rule = rule(grid.float_tables, grid, row);
    return found->rule.guess_is_close;
  }
};

// ---- none: moments alone ----
struct NoGrid {
  struct Nowhere {
    template <class V>
    __device__ Placed place(V) const {
      return {0, 0};
    }
  };
  using Fast = Nowhere;
  using Exact = Nowhere;

  __device__ static Exact exact(const DeviceGrid&, std::int32_t) { return {}; }
  __device__ static bool fast(const DeviceGrid&, std::int32_t, Nowhere*) { return true; }
};

}  // namespace igfast

#endif
