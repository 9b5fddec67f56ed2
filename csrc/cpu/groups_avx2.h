// Indices of words, 32 values at a time. Included by kernels_avx2.cpp only, within which it must
// stay: everything here is in an unnamed namespace.
#ifndef IGFAST_CPU_GROUPS_AVX2_H
#define IGFAST_CPU_GROUPS_AVX2_H

#include <immintrin.h>

#include "cpu/lanes_avx2.h"
#include "cpu/place_avx2.h"
#include "cpu/word_groups.h"

namespace igfast {
namespace {

using SubHistograms = __m256i;

// Sub-histograms of eight lanes.
inline SubHistograms sub_histograms(std::uint32_t rotation) {
  const __m256i lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
  const __m256i turned = _mm256_add_epi32(lane, _mm256_set1_epi32(static_cast<int>(rotation)));
  return _mm256_and_si256(turned, _mm256_set1_epi32(7));
}

// Of the words; `sub` is below 8.
inline __m256i indices_of(const PlacedLanes& placed, SubHistograms sub) {
  return _mm256_add_epi32(_mm256_slli_epi32(placed.cell, 3), sub);
}

inline __m256i indices_of(const PlacedUnits& placed, SubHistograms sub) {
  return _mm256_or_si256(
      _mm256_and_si256(_mm256_srli_epi32(placed.units, 5), _mm256_set1_epi32(-8)), sub);
}

inline __m256i digits_of(const PlacedLanes& placed) { return placed.digit; }

inline __m256i digits_of(const PlacedUnits& placed) {
  return _mm256_and_si256(placed.units, _mm256_set1_epi32(255));
}

// Places 32 values, placer(lanes) -> PlacedLanes or PlacedUnits of eight.
template <class Placer, class T, class Word, class Between>
inline void place_group(Placer& placer, const T* values, SubHistograms sub, WordGroup<Word>& group,
                        const Between& between) {
  for (std::int32_t j = 0; j < kWordGroup; j += 8) {
    const auto placed = placer(load_lanes(values + j));
    _mm256_store_si256(reinterpret_cast<__m256i*>(group.indices + j), indices_of(placed, sub));
    if constexpr (sizeof(Word) == sizeof(std::uint64_t)) {
      const __m256i one = _mm256_set1_epi32(static_cast<int>(std::uint32_t{1} << kDigitBits));
      const __m256i increment = _mm256_or_si256(digits_of(placed), one);
      _mm256_store_si256(reinterpret_cast<__m256i*>(group.increments + j), increment);
    }
    between(j, j + 8);
  }
}

}  // namespace
}  // namespace igfast

#endif
