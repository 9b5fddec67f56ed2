// Eight stored values as registers of float or double. Included by kernels_avx2.cpp only, within
// which it must stay: everything here is in an unnamed namespace.
#ifndef IGFAST_CPU_LANES_AVX2_H
#define IGFAST_CPU_LANES_AVX2_H

#include <immintrin.h>

#include "cpu/kernels.h"
#include "dtype.h"

namespace igfast {
namespace {

struct Doubles {
  __m256d low, high;
};

// For a group of 32 values, once per cache line. May point past the end of the data: a prefetch
// never faults. In assembly, because GCC drops an intrinsic prefetch behind a condition.
template <class T>
inline void prefetch_ahead(const T* group, const Prefetch& prefetch) {
  constexpr int kBytes = Run<T>::kGroup * static_cast<int>(sizeof(T));
  const char* ahead = reinterpret_cast<const char*>(group) + prefetch.distance;
  for (int line = 0; line < kBytes; line += 64) {
    if (prefetch.into_first_level) {
      __asm__ volatile("prefetcht0 %0" : : "m"(ahead[line]));
    } else {
      __asm__ volatile("prefetcht1 %0" : : "m"(ahead[line]));
    }
  }
}

inline __m128i load16(const void* source) {
  return _mm_loadu_si128(static_cast<const __m128i*>(source));
}

inline __m128i load8(const void* source) {
  return _mm_loadl_epi64(static_cast<const __m128i*>(source));
}

inline Doubles load_lanes(const double* source) {
  return {_mm256_loadu_pd(source), _mm256_loadu_pd(source + 4)};
}

inline __m256 load_lanes(const float* source) { return _mm256_loadu_ps(source); }

inline __m256 load_lanes(const Float16* source) { return _mm256_cvtph_ps(load16(source)); }

inline __m256 load_lanes(const BFloat16* source) {
  return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(load16(source)), 16));
}

// The magnitude bits sit in a half as value * 2^-8 (bias 7 against 15), subnormals included; the
// largest pattern is NaN.
inline __m256 load_lanes(const Float8E4M3FN* source) {
  const __m128i wide = _mm_cvtepu8_epi16(load8(source));
  const __m128i magnitude = _mm_and_si128(wide, _mm_set1_epi16(0x7f));
  const __m128i sign = _mm_slli_epi16(_mm_and_si128(wide, _mm_set1_epi16(0x80)), 8);
  const __m128i nan =
      _mm_and_si128(_mm_cmpeq_epi16(magnitude, _mm_set1_epi16(0x7f)), _mm_set1_epi16(0x7e00));
  const __m128i half = _mm_or_si128(_mm_or_si128(_mm_slli_epi16(magnitude, 7), sign), nan);
  return _mm256_mul_ps(_mm256_cvtph_ps(half), _mm256_set1_ps(256.0f));
}

inline __m256 load_lanes(const Float8E5M2* source) {
  return _mm256_cvtph_ps(_mm_slli_epi16(_mm_cvtepu8_epi16(load8(source)), 8));
}

inline Doubles to_double(Doubles x) { return x; }

inline Doubles to_double(__m256 x) {
  return {_mm256_cvtps_pd(_mm256_castps256_ps128(x)), _mm256_cvtps_pd(_mm256_extractf128_ps(x, 1))};
}

// Conversions that load are cheaper than those of a register, whose halves they move about.
inline Doubles load_wide(const float* source) {
  return {_mm256_cvtps_pd(_mm_loadu_ps(source)), _mm256_cvtps_pd(_mm_loadu_ps(source + 4))};
}

template <class T>
inline Doubles load_wide(const T* source) {
  return to_double(load_lanes(source));
}

}  // namespace
}  // namespace igfast

#endif
