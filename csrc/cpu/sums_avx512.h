// Moments and extents of a run. Included by kernels_avx512.cpp only, within which it must stay:
// everything here is in an unnamed namespace.
#ifndef IGFAST_CPU_SUMS_AVX512_H
#define IGFAST_CPU_SUMS_AVX512_H

#include <immintrin.h>

#include "cpu/kernels.h"
#include "cpu/lanes_avx512.h"

namespace igfast {
namespace {

// The eight lanes of MomentSums.
struct PowerSums {
  __m512d first, second, third, fourth;

  explicit PowerSums(const MomentSums& sums)
      : first(_mm512_loadu_pd(sums.first)),
        second(_mm512_loadu_pd(sums.second)),
        third(_mm512_loadu_pd(sums.third)),
        fourth(_mm512_loadu_pd(sums.fourth)) {}

  template <bool kShifted>
  void add(__m512d x, __m512d shift) {
    const __m512d d = kShifted ? _mm512_sub_pd(x, shift) : x;
    const __m512d d2 = _mm512_mul_pd(d, d);
    first = _mm512_add_pd(first, d);
    second = _mm512_add_pd(second, d2);
    third = _mm512_fmadd_pd(d2, d, third);
    fourth = _mm512_fmadd_pd(d2, d2, fourth);
  }

  bool finite() const {  // inf - inf and NaN - NaN are not equal to zero
    const __m512d zero = _mm512_sub_pd(first, first);
    return _mm512_cmp_pd_mask(zero, _mm512_setzero_pd(), _CMP_EQ_OQ) == 0xff;
  }

  void store(MomentSums& sums) const {
    _mm512_storeu_pd(sums.first, first);
    _mm512_storeu_pd(sums.second, second);
    _mm512_storeu_pd(sums.third, third);
    _mm512_storeu_pd(sums.fourth, fourth);
  }
};

// x < minimum ? x : minimum: a NaN leaves it as it is.
template <class V>
class ExtremeLanes;

template <>
class ExtremeLanes<float> {
 public:
  void add(__m512 x) {
    minimum_ = _mm512_min_ps(x, minimum_);
    maximum_ = _mm512_max_ps(x, maximum_);
    const __mmask16 is_zero = _mm512_cmp_ps_mask(x, _mm512_setzero_ps(), _CMP_EQ_OQ);
    zeros_ = _mm512_mask_add_epi32(zeros_, is_zero, zeros_, _mm512_set1_epi32(1));
  }

  bool finite() const {
    const __m512 infinity = _mm512_set1_ps(__builtin_inff());
    const __m512 negative = _mm512_sub_ps(_mm512_setzero_ps(), infinity);
    return (_mm512_cmp_ps_mask(minimum_, negative, _CMP_EQ_OQ) |
            _mm512_cmp_ps_mask(maximum_, infinity, _CMP_EQ_OQ)) == 0;
  }

  void store(Extents<float>& extents) const {
    float* least = extents.minimum;
    float* most = extents.maximum;
    const __m256 below = _mm256_min_ps(half(minimum_, 0), half(minimum_, 1));
    const __m256 above = _mm256_max_ps(half(maximum_, 0), half(maximum_, 1));
    _mm256_storeu_ps(least, _mm256_min_ps(below, _mm256_loadu_ps(least)));
    _mm256_storeu_ps(most, _mm256_max_ps(above, _mm256_loadu_ps(most)));
    extents.zeros += zeros();
  }

  // Of lanes j and j + 8: eight lanes of double.
  __m512d minimum() const {
    const Doubles halves = to_double(minimum_);
    return _mm512_min_pd(halves.low, halves.high);
  }

  __m512d maximum() const {
    const Doubles halves = to_double(maximum_);
    return _mm512_max_pd(halves.low, halves.high);
  }

  std::int64_t zeros() const { return _mm512_reduce_add_epi32(zeros_); }

 private:
  static __m256 half(__m512 x, int which) {
    return which == 0 ? _mm512_castps512_ps256(x) : _mm512_extractf32x8_ps(x, 1);
  }

  __m512 minimum_ = _mm512_set1_ps(__builtin_inff());
  __m512 maximum_ = _mm512_set1_ps(-__builtin_inff());
  __m512i zeros_ = _mm512_setzero_si512();
};

template <>
class ExtremeLanes<double> {
 public:
  void add(Doubles x) {
    for (const __m512d half : {x.low, x.high}) {
      minimum_ = _mm512_min_pd(half, minimum_);
      maximum_ = _mm512_max_pd(half, maximum_);
      const __mmask8 is_zero = _mm512_cmp_pd_mask(half, _mm512_setzero_pd(), _CMP_EQ_OQ);
      zeros_ = _mm512_mask_add_epi64(zeros_, is_zero, zeros_, _mm512_set1_epi64(1));
    }
  }

  bool finite() const {
    const __m512d infinity = _mm512_set1_pd(__builtin_inf());
    const __m512d negative = _mm512_sub_pd(_mm512_setzero_pd(), infinity);
    return (_mm512_cmp_pd_mask(minimum_, negative, _CMP_EQ_OQ) |
            _mm512_cmp_pd_mask(maximum_, infinity, _CMP_EQ_OQ)) == 0;
  }

  void store(Extents<double>& extents) const {
    double* least = extents.minimum;
    double* most = extents.maximum;
    _mm512_storeu_pd(least, _mm512_min_pd(minimum_, _mm512_loadu_pd(least)));
    _mm512_storeu_pd(most, _mm512_max_pd(maximum_, _mm512_loadu_pd(most)));
    extents.zeros += zeros();
  }

  __m512d minimum() const { return minimum_; }
  __m512d maximum() const { return maximum_; }
  std::int64_t zeros() const { return _mm512_reduce_add_epi64(zeros_); }

 private:
  __m512d minimum_ = _mm512_set1_pd(__builtin_inf());
  __m512d maximum_ = _mm512_set1_pd(-__builtin_inf());
  __m512i zeros_ = _mm512_setzero_si512();
};

// Calls take(lanes) for every sixteen values of the run, in order.
template <class T, class Take>
inline void for_lanes(const Run<T>& run, const Take& take) {
  for (std::int32_t first = 0; first < run.size; first += Run<T>::kGroup) {
    prefetch_ahead(run.values + first, kPrefetch);
    for (std::int32_t j = first; j < first + Run<T>::kGroup; j += 16) {
      take(load_lanes(run.values + j));
    }
  }
}

// Takes lanes of finite values into sums; store() says false, and stores nothing, if one was not.
// kShifted: whether the shift is not zero.
template <class V, bool kShifted>
class MomentLanes {
 public:
  explicit MomentLanes(const MomentSums& sums)
      : shift_(_mm512_set1_pd(sums.shift)), powers_(sums) {}

  template <class Lanes>
  void add(Lanes x) {
    const Doubles wide = to_double(x);
    powers_.template add<kShifted>(wide.low, shift_);
    powers_.template add<kShifted>(wide.high, shift_);
    extremes_.add(x);
  }

  bool store(MomentSums& sums, std::int32_t size) const {
    if (!powers_.finite()) {
      return false;
    }
    powers_.store(sums);
    double* least = sums.minimum;
    double* most = sums.maximum;
    _mm512_storeu_pd(least, _mm512_min_pd(extremes_.minimum(), _mm512_loadu_pd(least)));
    _mm512_storeu_pd(most, _mm512_max_pd(extremes_.maximum(), _mm512_loadu_pd(most)));
    sums.zeros += extremes_.zeros();
    sums.count += size;
    return true;
  }

 private:
  __m512d shift_;
  PowerSums powers_;
  ExtremeLanes<V> extremes_;
};

template <bool kShifted, class T>
bool add_moment_lanes(const Run<T>& run, MomentSums& sums) {
  MomentLanes<Widened<T>, kShifted> lanes(sums);
  for_lanes(run, [&](auto x) { lanes.add(x); });
  return lanes.store(sums, run.size);
}

template <class T>
bool add_moments(const Run<T>& run, MomentSums& sums) {
  return sums.shift == 0.0 ? add_moment_lanes<false>(run, sums) : add_moment_lanes<true>(run, sums);
}

}  // namespace
}  // namespace igfast

#endif
