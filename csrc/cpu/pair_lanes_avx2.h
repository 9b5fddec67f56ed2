// The operations that fixed_pairs.h is written in, eight lanes at a time. Included by
// kernels_avx2.cpp only, within which it must stay: everything here is in an unnamed namespace.
#ifndef IGFAST_CPU_PAIR_LANES_AVX2_H
#define IGFAST_CPU_PAIR_LANES_AVX2_H

#include <immintrin.h>

#include "cpu/lanes_avx2.h"
#include "cpu/pair_blocks.h"

namespace igfast {
namespace {

using Floats = __m256;
using Ints = __m256i;
constexpr int kPairLanes = 8;

inline Floats floats(float x) { return _mm256_set1_ps(x); }
inline Floats sub(Floats a, Floats b) { return _mm256_sub_ps(a, b); }
inline Floats mul(Floats a, Floats b) { return _mm256_mul_ps(a, b); }
inline Floats multiply_add(Floats a, Floats b, Floats c) { return _mm256_fmadd_ps(a, b, c); }
// A NaN in x stays; conversions make it the smallest integer.
inline Floats at_most(Floats x, Floats most) { return _mm256_min_ps(most, x); }
inline Ints nearest(Floats x) { return _mm256_cvtps_epi32(x); }
inline Ints floor_of(Floats x) { return _mm256_cvttps_epi32(_mm256_floor_ps(x)); }
inline Ints bits(Floats x) { return _mm256_castps_si256(x); }

inline Ints ints(int x) { return _mm256_set1_epi32(x); }
inline Ints shorts(int x) { return _mm256_set1_epi16(static_cast<short>(x)); }
inline Ints add(Ints a, Ints b) { return _mm256_add_epi32(a, b); }
inline Ints sub(Ints a, Ints b) { return _mm256_sub_epi32(a, b); }
inline Ints min(Ints a, Ints b) { return _mm256_min_epi32(a, b); }
inline Ints max(Ints a, Ints b) { return _mm256_max_epi32(a, b); }
inline Ints max_unsigned(Ints a, Ints b) { return _mm256_max_epu32(a, b); }
inline Ints min_shorts(Ints a, Ints b) { return _mm256_min_epu16(a, b); }  // unsigned
inline Ints min_signed_shorts(Ints a, Ints b) { return _mm256_min_epi16(a, b); }
inline Ints max_signed_shorts(Ints a, Ints b) { return _mm256_max_epi16(a, b); }
inline Ints add_shorts(Ints a, Ints b) { return _mm256_add_epi16(a, b); }
inline Ints sub_shorts(Ints a, Ints b) { return _mm256_sub_epi16(a, b); }
inline Ints both(Ints a, Ints b) { return _mm256_and_si256(a, b); }
template <int kBits>
inline Ints left(Ints x) {
  return _mm256_slli_epi32(x, kBits);
}
template <int kBits>
inline Ints right(Ints x) {
  return _mm256_srli_epi32(x, kBits);
}
inline Ints right(Ints x, int bits) { return _mm256_srl_epi32(x, _mm_cvtsi32_si128(bits)); }

// Each lane's halves in the other order.
inline Ints swapped(Ints x) {
  return _mm256_shufflehi_epi16(_mm256_shufflelo_epi16(x, 0xb1), 0xb1);
}

// The upper half of each lane of `upper`, the lower of `lower`.
inline Ints halves(Ints upper, Ints lower) { return _mm256_blend_epi16(lower, upper, 0xaa); }

// -0.0 is zero.
inline Ints where_zero(Floats x, Ints zero, Ints other) {
  const __m256 is_zero = _mm256_cmp_ps(x, _mm256_setzero_ps(), _CMP_EQ_OQ);
  return _mm256_blendv_epi8(other, zero, _mm256_castps_si256(is_zero));
}

// floor(x * scale), where that product is exact: a sum cannot be rounded down, so the first cell is
// added to the upper halves. Far values stay far.
inline Ints units_from(Floats x, Floats scale, Floats) { return floor_of(mul(x, scale)); }
inline Ints cells_from(Ints upper, Ints first) { return _mm256_adds_epi16(upper, first); }

inline Ints add_where_at_least(Ints sum, Floats x, Floats bound, Ints amount) {
  const Ints where = _mm256_castps_si256(_mm256_cmp_ps(x, bound, _CMP_GE_OQ));
  return _mm256_add_epi32(sum, _mm256_and_si256(where, amount));
}

// x >= 0, negated where the float is negative; 0 where it is +0.
inline Ints with_sign_of(Floats sign, Ints x) { return _mm256_sign_epi32(x, bits(sign)); }

inline bool any(Ints mask) { return _mm256_testz_si256(mask, mask) == 0; }

inline bool any_short_below(Ints x, int bound) {  // unsigned, at least 1
  return any(_mm256_cmpeq_epi16(_mm256_min_epu16(x, shorts(bound - 1)), x));
}

inline bool any_above_unsigned(Ints x, std::uint32_t bound) {
  return any(_mm256_cmpeq_epi32(_mm256_max_epu32(x, ints(static_cast<int>(bound + 1))), x));
}

inline bool any_smallest(Ints x) {
  return any(_mm256_cmpeq_epi32(x, ints(static_cast<int>(0x80000000u))));
}

// The stored bits of 16 values.
template <class T>
inline Ints load_bits(const T* values) {
  if constexpr (sizeof(T) == sizeof(std::uint16_t)) {
    return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(values));
  } else {
    return _mm256_cvtepu8_epi16(load16(values));
  }
}

// Two registers of the next 16 values, of which pairs are made.
struct LoadedPairs {
  Floats x, y;
};

template <class T>
inline LoadedPairs load_pairs(const T* values) {
  return {load_lanes(values), load_lanes(values + kPairLanes)};
}

// Cells that narrow values, at most `tie` above their edges, are guessed to have reached and have
// not.
class TieCells {
 public:
  static bool hold(const UniformRule<float>& rule, int tie) {
    return rule.tie_slots.factor != 0 && tie < 255;
  }

  TieCells(const UniformRule<float>& rule, int tie)
      : factor_(shorts(rule.tie_slots.factor)), exception_(shorts(rule.tie_slots.exception)) {
    alignas(16) unsigned char beyond[16];
    for (int slot = 0; slot < 16; ++slot) {
      const bool below = (rule.tie_slots.below >> slot & 1) != 0;
      beyond[slot] = static_cast<unsigned char>(below ? tie + 1 : 0);
    }
    beyond_ = _mm256_broadcastsi128_si256(load16(beyond));
  }

  // One less where the rest above the edge, unsigned, says so. At random outside the bins, where
  // that changes nothing.
  Ints lowered(Ints cells, Ints rests) const {
    const Ints slots = _mm256_srli_epi16(_mm256_mullo_epi16(cells, factor_), 12);
    const Ints beyond = _mm256_andnot_si256(_mm256_cmpeq_epi16(cells, exception_),
                                            _mm256_shuffle_epi8(beyond_, slots));
    const Ints below = _mm256_subs_epu16(beyond, rests);
    return _mm256_subs_epi16(cells, min_shorts(below, shorts(1)));
  }

 private:
  Ints factor_, exception_, beyond_;
};

// Cells of pairs, the larger in the upper half of a lane.
inline void store_pairs(Ints cells, std::uint32_t* indices) {
  const Ints weights = ints(Pairs::kStride << 16 | 1);
  _mm256_store_si256(reinterpret_cast<__m256i*>(indices), _mm256_madd_epi16(cells, weights));
}

// Single cells, two in a lane.
inline void store_cells(Ints cells, std::uint16_t* indices) {
  _mm256_store_si256(reinterpret_cast<__m256i*>(indices), cells);
}

// A bit for each index of a group that the two have not in common.
inline std::uint32_t unlike(const std::uint32_t* a, const std::uint32_t* b) {
  std::uint32_t bits = 0;
  for (int j = 0; j < 16; j += 8) {
    const Ints same =
        _mm256_cmpeq_epi32(_mm256_load_si256(reinterpret_cast<const __m256i*>(a + j)),
                           _mm256_load_si256(reinterpret_cast<const __m256i*>(b + j)));
    bits |= static_cast<std::uint32_t>(_mm256_movemask_ps(_mm256_castsi256_ps(same))) << j;
  }
  return ~bits & 0xffff;
}
inline std::uint32_t unlike(const std::uint16_t* a, const std::uint16_t* b) {
  const __m256i* x = reinterpret_cast<const __m256i*>(a);
  const __m256i* y = reinterpret_cast<const __m256i*>(b);
  const Ints first = _mm256_cmpeq_epi16(_mm256_load_si256(x), _mm256_load_si256(y));
  const Ints second = _mm256_cmpeq_epi16(_mm256_load_si256(x + 1), _mm256_load_si256(y + 1));
  // Packed within halves: the middle quarters change places.
  const Ints bytes = _mm256_permute4x64_epi64(_mm256_packs_epi16(first, second), 0xd8);
  return ~static_cast<std::uint32_t>(_mm256_movemask_epi8(bytes));
}

inline int count_equal(Ints a, Ints b) {
  const __m256 same = _mm256_castsi256_ps(_mm256_cmpeq_epi32(a, b));
  return __builtin_popcount(static_cast<unsigned>(_mm256_movemask_ps(same)));
}

inline Ints turned(Ints lanes, int by) {
  const Ints lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
  return _mm256_permutevar8x32_epi32(lanes, _mm256_add_epi32(lane, ints(by)));
}

// Of sixteen lanes, how many equal each of four others.
inline int alike_lanes(Ints first, Ints second) {
  int found = count_equal(first, second) + count_equal(first, turned(second, 1));
  for (int by = 1; by <= 3; ++by) {
    found += count_equal(first, turned(first, by)) + count_equal(second, turned(second, by));
  }
  return found;
}

inline int alike_of_64(const std::uint32_t* indices) {
  const auto* pairs = reinterpret_cast<const __m256i*>(indices);
  return alike_lanes(_mm256_load_si256(pairs), _mm256_load_si256(pairs + 1));
}

// Of every other cell.
inline int alike_of_64(const std::uint16_t* indices) {
  const auto* cells = reinterpret_cast<const __m256i*>(indices);
  return alike_lanes(left<16>(_mm256_load_si256(cells)), left<16>(_mm256_load_si256(cells + 1)));
}

void empty_pairs(Pairs& pairs) {
  empty_tables(pairs, [](unsigned char* bytes, std::int32_t rows, std::uint32_t* row_sums,
                         std::uint16_t* column_sums) {
    const __m256i zero = _mm256_setzero_si256();
    __m256i sums[4] = {zero, zero, zero, zero};
    for (std::int32_t row = 0; row < rows; ++row) {
      auto* line = reinterpret_cast<__m128i*>(bytes + row * Pairs::kStride);
      const auto* halves = reinterpret_cast<const __m256i*>(line);
      if (!any(_mm256_or_si256(_mm256_load_si256(halves), _mm256_load_si256(halves + 1)))) {
        continue;
      }
      __m128i eights = _mm_setzero_si128();
      for (int quarter = 0; quarter < 4; ++quarter) {
        const __m128i x = _mm_load_si128(line + quarter);
        sums[quarter] = _mm256_add_epi16(sums[quarter], _mm256_cvtepu8_epi16(x));
        eights = _mm_add_epi64(eights, _mm_sad_epu8(x, _mm_setzero_si128()));
      }
      row_sums[row] +=
          static_cast<std::uint32_t>(_mm_cvtsi128_si32(eights) + _mm_extract_epi32(eights, 2));
      _mm256_store_si256(reinterpret_cast<__m256i*>(line), zero);
      _mm256_store_si256(reinterpret_cast<__m256i*>(line) + 1, zero);
    }
    for (int quarter = 0; quarter < 4; ++quarter) {
      _mm256_store_si256(reinterpret_cast<__m256i*>(column_sums) + quarter, sums[quarter]);
    }
  });
}

}  // namespace
}  // namespace igfast

#endif
