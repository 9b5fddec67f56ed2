// Sixteen stored values as registers of float or double. Included by kernels_avx512.cpp only,
// within which it must stay: everything here is in an unnamed namespace.
#ifndef IGFAST_CPU_LANES_AVX512_H
#define IGFAST_CPU_LANES_AVX512_H

#include <immintrin.h>

#include "cpu/kernels.h"
#include "dtype.h"

namespace igfast {
namespace {

struct Doubles {
  __m512d low, high;
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

inline __m256i load16(const void* source) {
  return _mm256_loadu_si256(static_cast<const __m256i*>(source));
}

inline __m128i load8(const void* source) {
  return _mm_loadu_si128(static_cast<const __m128i*>(source));
}

inline Doubles load_lanes(const double* source) {
  return {_mm512_loadu_pd(source), _mm512_loadu_pd(source + 8)};
}

inline __m512 load_lanes(const float* source) { return _mm512_loadu_ps(source); }

inline __m512 load_lanes(const Float16* source) { return _mm512_cvtph_ps(load16(source)); }

inline __m512 load_lanes(const BFloat16* source) {
  return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(load16(source)), 16));
}

// The magnitude bits sit in a half as value * 2^-8 (bias 7 against 15), subnormals included; the
// largest pattern is NaN.
inline __m512 load_lanes(const Float8E4M3FN* source) {
  const __m256i wide = _mm256_cvtepu8_epi16(load8(source));
  const __m256i magnitude = _mm256_and_si256(wide, _mm256_set1_epi16(0x7f));
  const __m256i sign = _mm256_slli_epi16(_mm256_and_si256(wide, _mm256_set1_epi16(0x80)), 8);
  const __m256i nan = _mm256_and_si256(_mm256_cmpeq_epi16(magnitude, _mm256_set1_epi16(0x7f)),
                                       _mm256_set1_epi16(0x7e00));
  const __m256i half = _mm256_or_si256(_mm256_or_si256(_mm256_slli_epi16(magnitude, 7), sign), nan);
  return _mm512_mul_ps(_mm512_cvtph_ps(half), _mm512_set1_ps(256.0f));
}

inline __m512 load_lanes(const Float8E5M2* source) {
  return _mm512_cvtph_ps(_mm256_slli_epi16(_mm256_cvtepu8_epi16(load8(source)), 8));
}

inline Doubles to_double(Doubles x) { return x; }

inline Doubles to_double(__m512 x) {
  return {_mm512_cvtps_pd(_mm512_castps512_ps256(x)),
          _mm512_cvtps_pd(_mm512_extractf32x8_ps(x, 1))};
}

}  // namespace
}  // namespace igfast

#endif
