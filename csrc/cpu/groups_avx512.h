// Indices of words, 32 values at a time. Included by kernels_avx512.cpp only, within which it must
// stay: everything here is in an unnamed namespace.
#ifndef IGFAST_CPU_GROUPS_AVX512_H
#define IGFAST_CPU_GROUPS_AVX512_H

#include <immintrin.h>

#include "cpu/lanes_avx512.h"
#include "cpu/place_avx512.h"
#include "cpu/word_groups.h"

namespace igfast {
namespace {

using SubHistograms = __m512i;

// Sub-histograms of sixteen lanes.
inline SubHistograms sub_histograms(std::uint32_t rotation) {
  const __m512i lane = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 0, 1, 2, 3, 4, 5, 6, 7);
  const __m512i turned = _mm512_add_epi32(lane, _mm512_set1_epi32(static_cast<int>(rotation)));
  return _mm512_and_si512(turned, _mm512_set1_epi32(7));
}

inline __m512i and_or(__m512i x, __m512i mask, __m512i more) {
  return _mm512_ternarylogic_epi32(x, mask, more, 0xea);
}

// Of the words; `sub` is below 8.
inline __m512i indices_of(const PlacedLanes& placed, SubHistograms sub) {
  return _mm512_add_epi32(_mm512_slli_epi32(placed.cell, 3), sub);
}

inline __m512i indices_of(const PlacedUnits& placed, SubHistograms sub) {
  const __m512i cells = _mm512_set1_epi32(((1 << PlacedUnits::kCellBits) - 1) << 3);
  return and_or(_mm512_srli_epi32(placed.units, 5), cells, sub);
}

// Of words with digits: one, and the digit.
inline __m512i one_with_no_digit() {
  return _mm512_set1_epi32(static_cast<int>(std::uint32_t{1} << kDigitBits));
}

inline __m512i increments_of(const PlacedLanes& placed) {
  return _mm512_or_si512(placed.digit, one_with_no_digit());
}

inline __m512i increments_of(const PlacedUnits& placed) {
  return and_or(placed.units, _mm512_set1_epi32(255), one_with_no_digit());
}

// Places 32 values, placer(lanes) -> PlacedLanes or PlacedUnits of sixteen.
template <class Placer, class T, class Word, class Between>
inline void place_group(Placer& placer, const T* values, SubHistograms sub, WordGroup<Word>& group,
                        const Between& between) {
  for (std::int32_t j = 0; j < kWordGroup; j += 16) {
    const auto placed = placer(load_lanes(values + j));
    _mm512_store_si512(group.indices + j, indices_of(placed, sub));
    if constexpr (sizeof(Word) == sizeof(std::uint64_t)) {
      _mm512_store_si512(group.increments + j, increments_of(placed));
    }
    between(j, j + 16);
  }
}

}  // namespace
}  // namespace igfast

#endif
