// Sums of powers of (x - shift) over a group of blocks, eight lanes each, and their fixed-order
// conversion to central sums.
//
// Precision policy: float64 throughout, third and fourth powers by fused multiply-add, lanes and
// groups added in one fixed order, so that results are the same bits at every thread count and
// instruction set. The shift is near the running mean of the chunk, so the conversion to central
// sums cancels little: where a group lies far from the shift, that distance is itself part of the
// chunk's central sums. The shift has 20 significant bits: count * shift^2 is exact, and sums of
// small integers stay exact. It is zero where the mean is small beside the deviation.
#ifndef IGFAST_CPU_MOMENT_SUMS_H
#define IGFAST_CPU_MOMENT_SUMS_H

#include <cmath>
#include <cstdint>
#include <limits>

namespace igfast {

struct MomentSums {
  static constexpr int kLanes = 8;
  double shift = 0.0;
  std::int64_t count = 0;
  std::int64_t nan = 0;
  std::int64_t inf = 0;
  std::int64_t zeros = 0;
  double first[kLanes] = {};   // sum (x - shift)
  double second[kLanes] = {};  // sum (x - shift)^2
  double third[kLanes] = {};
  double fourth[kLanes] = {};
  double minimum[kLanes];
  double maximum[kLanes];

  explicit MomentSums(double shift_) : shift(shift_) {
    for (int lane = 0; lane < kLanes; ++lane) {
      minimum[lane] = std::numeric_limits<double>::infinity();
      maximum[lane] = -std::numeric_limits<double>::infinity();
    }
  }
};

// One value at a time: partial blocks and blocks with values that are not finite.
inline void add_value(MomentSums& sums, int lane, double x) {
  if (x != x) {
    ++sums.nan;
    return;
  }
  const double magnitude = x < 0.0 ? -x : x;
  if (magnitude == std::numeric_limits<double>::infinity()) {
    ++sums.inf;
    return;
  }
  ++sums.count;
  sums.zeros += x == 0.0 ? 1 : 0;
  sums.minimum[lane] = x < sums.minimum[lane] ? x : sums.minimum[lane];
  sums.maximum[lane] = x > sums.maximum[lane] ? x : sums.maximum[lane];
  const double d = x - sums.shift;
  const double d2 = d * d;
  sums.first[lane] += d;
  sums.second[lane] += d2;
  sums.third[lane] = std::fma(d2, d, sums.third[lane]);
  sums.fourth[lane] = std::fma(d2, d2, sums.fourth[lane]);
}

inline double sum_lanes(const double* lanes) {
  return ((lanes[0] + lanes[4]) + (lanes[2] + lanes[6])) +
         ((lanes[1] + lanes[5]) + (lanes[3] + lanes[7]));
}

}  // namespace igfast

#endif
