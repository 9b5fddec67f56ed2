// The operations that fixed_pairs.h is written in, sixteen lanes at a time. Included by
// kernels_avx512.cpp only, within which it must stay: everything here is in an unnamed namespace.
#ifndef IGFAST_CPU_PAIR_LANES_AVX512_H
#define IGFAST_CPU_PAIR_LANES_AVX512_H

#include <immintrin.h>

#include <type_traits>

#include "cpu/lanes_avx512.h"
#include "cpu/pair_blocks.h"

namespace igfast {
namespace {

using Floats = __m512;
using Ints = __m512i;
constexpr int kPairLanes = 16;

inline Floats floats(float x) { return _mm512_set1_ps(x); }
inline Floats sub(Floats a, Floats b) { return _mm512_sub_ps(a, b); }
inline Floats multiply_add(Floats a, Floats b, Floats c) { return _mm512_fmadd_ps(a, b, c); }
// A NaN in x stays; conversions make it the smallest integer.
inline Floats at_most(Floats x, Floats most) { return _mm512_min_ps(most, x); }
inline Ints nearest(Floats x) { return _mm512_cvtps_epi32(x); }
inline Ints floor_of(Floats x) {
  return _mm512_cvt_roundps_epi32(x, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC);
}
inline Ints bits(Floats x) { return _mm512_castps_si512(x); }

inline Ints ints(int x) { return _mm512_set1_epi32(x); }
inline Ints shorts(int x) { return _mm512_set1_epi16(static_cast<short>(x)); }
inline Ints add(Ints a, Ints b) { return _mm512_add_epi32(a, b); }
inline Ints sub(Ints a, Ints b) { return _mm512_sub_epi32(a, b); }
inline Ints min(Ints a, Ints b) { return _mm512_min_epi32(a, b); }
inline Ints max(Ints a, Ints b) { return _mm512_max_epi32(a, b); }
inline Ints max_unsigned(Ints a, Ints b) { return _mm512_max_epu32(a, b); }
inline Ints min_shorts(Ints a, Ints b) { return _mm512_min_epu16(a, b); }  // unsigned
inline Ints min_signed_shorts(Ints a, Ints b) { return _mm512_min_epi16(a, b); }
inline Ints max_signed_shorts(Ints a, Ints b) { return _mm512_max_epi16(a, b); }
inline Ints add_shorts(Ints a, Ints b) { return _mm512_add_epi16(a, b); }
inline Ints sub_shorts(Ints a, Ints b) { return _mm512_sub_epi16(a, b); }
inline Ints both(Ints a, Ints b) { return _mm512_and_si512(a, b); }
template <int kBits>
inline Ints left(Ints x) {
  return _mm512_slli_epi32(x, kBits);
}
template <int kBits>
inline Ints right(Ints x) {
  return _mm512_srli_epi32(x, kBits);
}
inline Ints right(Ints x, int bits) { return _mm512_srl_epi32(x, _mm_cvtsi32_si128(bits)); }

// Each lane's halves in the other order.
inline Ints swapped(Ints x) { return _mm512_rol_epi32(x, 16); }

// The upper half of each lane of `upper`, the lower of `lower`.
inline Ints halves(Ints upper, Ints lower) {
  return _mm512_mask_blend_epi16(0xaaaaaaaa, lower, upper);
}

// -0.0 is zero.
inline Ints where_zero(Floats x, Ints zero, Ints other) {
  const __mmask16 is_zero = _mm512_cmp_ps_mask(x, _mm512_setzero_ps(), _CMP_EQ_OQ);
  return _mm512_mask_mov_epi32(other, is_zero, zero);
}

// floor(x * scale + offset), where x * scale is exact and `offset` that of the first cell: rounded
// down, a sum does not pass the integer below it. The upper halves are the cells.
inline Ints units_from(Floats x, Floats scale, Floats offset) {
  constexpr int kDownwards = _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC;
  return floor_of(_mm512_fmadd_round_ps(x, scale, offset, kDownwards));
}
inline Ints cells_from(Ints upper, Ints) { return upper; }

inline Ints add_where_at_least(Ints sum, Floats x, Floats bound, Ints amount) {
  return _mm512_mask_add_epi32(sum, _mm512_cmp_ps_mask(x, bound, _CMP_GE_OQ), sum, amount);
}

// x >= 0, negated where the float is negative.
inline Ints with_sign_of(Floats sign, Ints x) {
  return _mm512_mask_sub_epi32(x, _mm512_movepi32_mask(bits(sign)), _mm512_setzero_si512(), x);
}

inline bool any_short_below(Ints x, int bound) {  // unsigned, at least 1
  return _mm512_cmplt_epu16_mask(x, shorts(bound)) != 0;
}

inline bool any_above_unsigned(Ints x, std::uint32_t bound) {
  return _mm512_cmpgt_epu32_mask(x, ints(static_cast<int>(bound))) != 0;
}

inline bool any_smallest(Ints x) {
  return _mm512_cmpeq_epi32_mask(x, ints(static_cast<int>(0x80000000u))) != 0;
}

// The stored bits of 32 values.
template <class T>
inline Ints load_bits(const T* values) {
  if constexpr (sizeof(T) == sizeof(std::uint16_t)) {
    return _mm512_loadu_si512(values);
  } else {
    return _mm512_cvtepu8_epi16(load16(values));
  }
}

// Two registers of the next 32 values: halves of them, in any order, of which pairs are made.
struct LoadedPairs {
  Floats x, y;
};

template <class T>
inline LoadedPairs load_pairs(const T* values) {
  if constexpr (std::is_same_v<T, BFloat16>) {  // neighbors
    const Ints two = _mm512_loadu_si512(values);
    return {_mm512_castsi512_ps(left<16>(two)),
            _mm512_castsi512_ps(both(two, ints(static_cast<int>(0xffff0000))))};
  } else {
    return {load_lanes(values), load_lanes(values + kPairLanes)};
  }
}

// Cells that narrow values, at most `tie` above their edges, are guessed to have reached and have
// not: a bit for each of 257.
class TieCells {
 public:
  static bool hold(const UniformRule<float>&, int) { return true; }

  TieCells(const UniformRule<float>& rule, int tie) : tie_(shorts(tie)) {
    constexpr int kShift = static_cast<int>(kFirstBinCell);  // bits are of bins
    std::uint32_t carried = 0;
    for (int word = 0; word < 9; ++word) {
      const std::uint32_t bits = rule.narrow_ties[word];
      const Ints more = _mm512_or_si512(bits_, shorts(1 << word));
      bits_ = _mm512_mask_mov_epi16(bits_, bits << kShift | carried, more);
      carried = bits >> (32 - kShift);
    }
  }

  // One less where the rest above the edge, unsigned, says so. Not of negative cells, whose bits
  // are beyond the words.
  Ints lowered(Ints cells, Ints rests) const {
    const Ints word = _mm512_permutexvar_epi16(cells, bits_);  // by the lowest five bits
    const Ints bit = _mm512_srlv_epi16(word, _mm512_srli_epi16(cells, 5));
    const __mmask32 near = _mm512_cmple_epu16_mask(rests, tie_);
    const __mmask32 takes = _mm512_mask_test_epi16_mask(near, bit, shorts(1));
    return _mm512_mask_sub_epi16(cells, takes, cells, shorts(1));
  }

 private:
  Ints tie_;
  Ints bits_ = _mm512_setzero_si512();
};

// Cells of pairs, the larger in the upper half of a lane.
inline void store_pairs(Ints cells, std::uint32_t* indices) {
  const Ints weights = ints(Pairs::kStride << 16 | 1);
  _mm512_store_si512(indices, _mm512_madd_epi16(cells, weights));
}

// Single cells, two in a lane.
inline void store_cells(Ints cells, std::uint16_t* indices) { _mm512_store_si512(indices, cells); }

// A bit for each index of a group that the two have not in common.
inline std::uint32_t unlike(const std::uint32_t* a, const std::uint32_t* b) {
  return _mm512_cmpneq_epi32_mask(_mm512_load_si512(a), _mm512_load_si512(b));
}
inline std::uint32_t unlike(const std::uint16_t* a, const std::uint16_t* b) {
  return _mm512_cmpneq_epi16_mask(_mm512_load_si512(a), _mm512_load_si512(b));
}

template <int kTurn>
inline int alike_turned(__m512i lanes) {
  const __m512i turned = _mm512_alignr_epi32(lanes, lanes, kTurn);
  return __builtin_popcount(_mm512_cmpeq_epi32_mask(lanes, turned));
}

// Of sixteen lanes, how many equal each of four others.
inline int alike_lanes(__m512i lanes) {
  return alike_turned<1>(lanes) + alike_turned<2>(lanes) + alike_turned<3>(lanes) +
         alike_turned<5>(lanes);
}

inline int alike_of_64(const std::uint32_t* indices) {
  return alike_lanes(_mm512_load_si512(indices));
}

// Of every other cell.
inline int alike_of_64(const std::uint16_t* indices) {
  return alike_lanes(left<16>(_mm512_load_si512(indices)));
}

void empty_pairs(Pairs& pairs) {
  empty_tables(pairs, [](unsigned char* bytes, std::int32_t rows, std::uint32_t* row_sums,
                         std::uint16_t* column_sums) {
    const __m512i zero = _mm512_setzero_si512();
    __m512i low = zero;
    __m512i high = zero;
    for (std::int32_t row = 0; row < rows; ++row) {
      unsigned char* line = bytes + row * Pairs::kStride;
      const __m512i all = _mm512_load_si512(line);
      if (_mm512_test_epi32_mask(all, all) == 0) {
        continue;
      }
      const __m256i first = _mm512_castsi512_si256(all);
      const __m256i second = _mm512_extracti64x4_epi64(all, 1);
      low = _mm512_add_epi16(low, _mm512_cvtepu8_epi16(first));
      high = _mm512_add_epi16(high, _mm512_cvtepu8_epi16(second));
      const __m256i none = _mm256_setzero_si256();
      const __m256i eights =
          _mm256_add_epi64(_mm256_sad_epu8(first, none), _mm256_sad_epu8(second, none));
      const __m128i two =
          _mm_add_epi64(_mm256_castsi256_si128(eights), _mm256_extracti128_si256(eights, 1));
      row_sums[row] +=
          static_cast<std::uint32_t>(_mm_cvtsi128_si32(two) + _mm_extract_epi32(two, 2));
      _mm512_store_si512(line, zero);
    }
    _mm512_store_si512(column_sums, low);
    _mm512_store_si512(column_sums + 32, high);
  });
}

}  // namespace
}  // namespace igfast

#endif
