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

// Places 32 values, placer(lanes) -> PlacedLanes for sixteen.
template <class Placer, class T, class Word, class Between>
inline void place_group(Placer& placer, const T* values, SubHistograms sub, WordGroup<Word>& group,
                        const Between& between) {
  for (std::int32_t j = 0; j < kWordGroup; j += 16) {
    const PlacedLanes placed = placer(load_lanes(values + j));
    const __m512i index = _mm512_add_epi32(_mm512_slli_epi32(placed.cell, 3), sub);
    _mm512_store_si512(group.indices + j, index);
    if constexpr (sizeof(Word) == sizeof(std::uint64_t)) {
      const __m512i one = _mm512_set1_epi32(static_cast<int>(std::uint32_t{1} << kDigitBits));
      const __m512i increment = _mm512_or_si512(placed.digit, one);
      _mm512_store_si512(group.increments + j, increment);
    }
    between(j, j + 16);
  }
}

}  // namespace
}  // namespace igfast

#endif
