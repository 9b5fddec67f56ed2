// Moments and extents of a run. Included by kernels_avx2.cpp only, within which it must stay:
// everything here is in an unnamed namespace.
#ifndef IGFAST_CPU_SUMS_AVX2_H
#define IGFAST_CPU_SUMS_AVX2_H

#include <immintrin.h>

#include "cpu/kernels.h"
#include "cpu/lanes_avx2.h"

namespace igfast {
namespace {

// Lanes 0-3 or 4-7 of MomentSums.
struct PowerSums {
  __m256d first, second, third, fourth;

  PowerSums(const MomentSums& sums, int lane)
      : first(_mm256_loadu_pd(sums.first + lane)),
        second(_mm256_loadu_pd(sums.second + lane)),
        third(_mm256_loadu_pd(sums.third + lane)),
        fourth(_mm256_loadu_pd(sums.fourth + lane)) {}

  template <bool kShifted>
  void add(__m256d x, __m256d shift) {
    const __m256d d = kShifted ? _mm256_sub_pd(x, shift) : x;
    const __m256d d2 = _mm256_mul_pd(d, d);
    first = _mm256_add_pd(first, d);
    second = _mm256_add_pd(second, d2);
    third = _mm256_fmadd_pd(d2, d, third);
    fourth = _mm256_fmadd_pd(d2, d2, fourth);
  }

  bool finite() const {  // inf - inf and NaN - NaN are not equal to zero
    const __m256d zero = _mm256_sub_pd(first, first);
    return _mm256_movemask_pd(_mm256_cmp_pd(zero, _mm256_setzero_pd(), _CMP_EQ_OQ)) == 15;
  }

  void store(MomentSums& sums, int lane) const {
    _mm256_storeu_pd(sums.first + lane, first);
    _mm256_storeu_pd(sums.second + lane, second);
    _mm256_storeu_pd(sums.third + lane, third);
    _mm256_storeu_pd(sums.fourth + lane, fourth);
  }
};

// x < minimum ? x : minimum: a NaN leaves it as it is.
template <class V>
class ExtremeLanes;

template <>
class ExtremeLanes<float> {
 public:
  void add(__m256 x) {
    minimum_ = _mm256_min_ps(x, minimum_);
    maximum_ = _mm256_max_ps(x, maximum_);
    const __m256 is_zero = _mm256_cmp_ps(x, _mm256_setzero_ps(), _CMP_EQ_OQ);
    zeros_ = _mm256_sub_epi32(zeros_, _mm256_castps_si256(is_zero));
  }

  bool finite() const {
    const __m256 infinity = _mm256_set1_ps(__builtin_inff());
    const __m256 negative = _mm256_sub_ps(_mm256_setzero_ps(), infinity);
    const __m256 below = _mm256_cmp_ps(minimum_, negative, _CMP_EQ_OQ);
    const __m256 above = _mm256_cmp_ps(maximum_, infinity, _CMP_EQ_OQ);
    return _mm256_movemask_ps(_mm256_or_ps(below, above)) == 0;
  }

  void store(Extents<float>& extents) const {
    float* least = extents.minimum;
    float* most = extents.maximum;
    _mm256_storeu_ps(least, _mm256_min_ps(minimum_, _mm256_loadu_ps(least)));
    _mm256_storeu_ps(most, _mm256_max_ps(maximum_, _mm256_loadu_ps(most)));
    extents.zeros += zeros();
  }

  Doubles minimum() const { return to_double(minimum_); }
  Doubles maximum() const { return to_double(maximum_); }

  std::int64_t zeros() const {
    alignas(32) std::int32_t lanes[8];
    _mm256_store_si256(reinterpret_cast<__m256i*>(lanes), zeros_);
    std::int64_t total = 0;
    for (const std::int32_t count : lanes) {
      total += count;
    }
    return total;
  }

 private:
  __m256 minimum_ = _mm256_set1_ps(__builtin_inff());
  __m256 maximum_ = _mm256_set1_ps(-__builtin_inff());
  __m256i zeros_ = _mm256_setzero_si256();
};

template <>
class ExtremeLanes<double> {
 public:
  void add(Doubles x) {
    minimum_ = {_mm256_min_pd(x.low, minimum_.low), _mm256_min_pd(x.high, minimum_.high)};
    maximum_ = {_mm256_max_pd(x.low, maximum_.low), _mm256_max_pd(x.high, maximum_.high)};
    for (const __m256d half : {x.low, x.high}) {
      const __m256d is_zero = _mm256_cmp_pd(half, _mm256_setzero_pd(), _CMP_EQ_OQ);
      zeros_ = _mm256_sub_epi64(zeros_, _mm256_castpd_si256(is_zero));
    }
  }

  bool finite() const {
    const __m256d infinity = _mm256_set1_pd(__builtin_inf());
    const __m256d negative = _mm256_sub_pd(_mm256_setzero_pd(), infinity);
    const __m256d least = _mm256_min_pd(minimum_.low, minimum_.high);
    const __m256d most = _mm256_max_pd(maximum_.low, maximum_.high);
    const __m256d below = _mm256_cmp_pd(least, negative, _CMP_EQ_OQ);
    const __m256d above = _mm256_cmp_pd(most, infinity, _CMP_EQ_OQ);
    return _mm256_movemask_pd(_mm256_or_pd(below, above)) == 0;
  }

  void store(Extents<double>& extents) const {
    double* least = extents.minimum;
    double* most = extents.maximum;
    _mm256_storeu_pd(least, _mm256_min_pd(minimum_.low, _mm256_loadu_pd(least)));
    _mm256_storeu_pd(least + 4, _mm256_min_pd(minimum_.high, _mm256_loadu_pd(least + 4)));
    _mm256_storeu_pd(most, _mm256_max_pd(maximum_.low, _mm256_loadu_pd(most)));
    _mm256_storeu_pd(most + 4, _mm256_max_pd(maximum_.high, _mm256_loadu_pd(most + 4)));
    extents.zeros += zeros();
  }

  Doubles minimum() const { return minimum_; }
  Doubles maximum() const { return maximum_; }

  std::int64_t zeros() const {
    alignas(32) std::int64_t lanes[4];
    _mm256_store_si256(reinterpret_cast<__m256i*>(lanes), zeros_);
    return lanes[0] + lanes[1] + lanes[2] + lanes[3];
  }

 private:
  static Doubles both(double value) { return {_mm256_set1_pd(value), _mm256_set1_pd(value)}; }

  Doubles minimum_ = both(__builtin_inf());
  Doubles maximum_ = both(-__builtin_inf());
  __m256i zeros_ = _mm256_setzero_si256();
};

// Takes lanes of finite values into sums; store() says false, and stores nothing, if one was not.
// kShifted: whether the shift is not zero.
template <class V, bool kShifted>
class MomentLanes {
 public:
  explicit MomentLanes(const MomentSums& sums)
      : shift_(_mm256_set1_pd(sums.shift)), low_(sums, 0), high_(sums, 4) {}

  template <class Lanes>
  void add(Lanes x) {
    add(x, to_double(x));
  }

  template <class Lanes>
  void add(Lanes x, const Doubles& wide) {
    low_.template add<kShifted>(wide.low, shift_);
    high_.template add<kShifted>(wide.high, shift_);
    extremes_.add(x);
  }

  bool store(MomentSums& sums, std::int32_t size) const {
    if (!low_.finite() || !high_.finite()) {
      return false;
    }
    low_.store(sums, 0);
    high_.store(sums, 4);
    const Doubles minimum = extremes_.minimum();
    const Doubles maximum = extremes_.maximum();
    for (int lane = 0; lane < 8; lane += 4) {
      double* least = sums.minimum + lane;
      double* most = sums.maximum + lane;
      const __m256d below = lane == 0 ? minimum.low : minimum.high;
      const __m256d above = lane == 0 ? maximum.low : maximum.high;
      _mm256_storeu_pd(least, _mm256_min_pd(below, _mm256_loadu_pd(least)));
      _mm256_storeu_pd(most, _mm256_max_pd(above, _mm256_loadu_pd(most)));
    }
    sums.zeros += extremes_.zeros();
    sums.count += size;
    return true;
  }

 private:
  __m256d shift_;
  PowerSums low_, high_;
  ExtremeLanes<V> extremes_;
};

template <bool kShifted, class T>
bool add_moment_lanes(const Run<T>& run, MomentSums& sums) {
  MomentLanes<Widened<T>, kShifted> lanes(sums);
  for (std::int32_t first = 0; first < run.size; first += Run<T>::kGroup) {
    prefetch_ahead(run.values + first, kPrefetch);
    for (std::int32_t j = first; j < first + Run<T>::kGroup; j += 8) {
      lanes.add(load_lanes(run.values + j), load_wide(run.values + j));
    }
  }
  return lanes.store(sums, run.size);
}

template <class T>
bool add_moments(const Run<T>& run, MomentSums& sums) {
  return sums.shift == 0.0 ? add_moment_lanes<false>(run, sums) : add_moment_lanes<true>(run, sums);
}

}  // namespace
}  // namespace igfast

#endif
