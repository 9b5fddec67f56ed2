// The scalar rules of grid.h on eight values at a time. Included by kernels_avx2.cpp only, within
// which it must stay: everything here is in an unnamed namespace.
#ifndef IGFAST_CPU_PLACE_AVX2_H
#define IGFAST_CPU_PLACE_AVX2_H

#include <immintrin.h>

#include "cpu/lanes_avx2.h"
#include "grid.h"

namespace igfast {
namespace {

// Eight times Placed of grid.h.
struct PlacedLanes {
  __m256i cell;
  __m256i digit;
};

// Those of a dyadic grid as one integer, cell << 8 | digit.
struct PlacedUnits {
  __m256i units;
};

inline __m256i cells_of(const PlacedLanes& placed) { return placed.cell; }

inline __m256i cells_of(const PlacedUnits& placed) { return _mm256_srai_epi32(placed.units, 8); }

constexpr int kNearest = _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC;

inline __m256i join(__m128i low, __m128i high) {
  return _mm256_inserti128_si256(_mm256_castsi128_si256(low), high, 1);
}

// Four lanes of a 64-bit comparison, two such to eight 32-bit lanes.
inline __m256i narrow_masks(__m256d low, __m256d high) {
  const __m256 even = _mm256_shuffle_ps(_mm256_castpd_ps(low), _mm256_castpd_ps(high), 0x88);
  return _mm256_permute4x64_epi64(_mm256_castps_si256(even), 0xd8);
}

inline __m256i high_words(__m256d low, __m256d high) {
  const __m256 odd = _mm256_shuffle_ps(_mm256_castpd_ps(low), _mm256_castpd_ps(high), 0xdd);
  return _mm256_permute4x64_epi64(_mm256_castps_si256(odd), 0xd8);
}

inline __m256i clamp(__m256i x, __m256i least, __m256i most) {
  return _mm256_min_epi32(_mm256_max_epi32(x, least), most);
}

// The unmasked gathers of GCC 12 read an uninitialized variable and warn about it.
inline __m256 gather(const float* table, __m256i index) {
  const __m256 all = _mm256_castsi256_ps(_mm256_set1_epi32(-1));
  return _mm256_mask_i32gather_ps(_mm256_setzero_ps(), table, index, all, 4);
}

inline __m256d gather(const double* table, __m128i index) {
  const __m256d all = _mm256_castsi256_pd(_mm256_set1_epi32(-1));
  return _mm256_mask_i32gather_pd(_mm256_setzero_pd(), table, index, all, 8);
}

template <class V>
V power_of_two(int exponent);
template <>
inline float power_of_two<float>(int exponent) {
  return _mm_cvtss_f32(_mm_castsi128_ps(_mm_cvtsi32_si128((exponent + 127) << 23)));
}
template <>
inline double power_of_two<double>(int exponent) {
  return _mm_cvtsd_f64(
      _mm_castsi128_pd(_mm_cvtsi64_si128(static_cast<long long>(exponent + 1023) << 52)));
}

// ---- uniform ----
// The value is compared with the threshold nearest its guess, whatever the data: values that sit
// on edges, usual in narrow dtypes, cost the same as others. NaN is clamped to threshold -1, where
// it is not >= -inf and ends in cell 0.
template <class V>
class UniformLanes;

template <>
class UniformLanes<float> {
 public:
  static bool holds(const UniformRule<float>& rule) { return rule.guess_is_close; }

  explicit UniformLanes(const UniformRule<float>& rule)
      : thresholds_(rule.thresholds),
        low_(_mm256_set1_ps(rule.low)),
        scale_(_mm256_set1_ps(rule.scale)),
        most_(_mm256_set1_ps(static_cast<float>(rule.bins) + 1.0f)) {}

  PlacedLanes operator()(__m256 x) const {
    const __m256 raw = _mm256_mul_ps(_mm256_sub_ps(x, low_), scale_);
    // Operands in this order turn NaN into -1, where no comparison holds.
    const __m256 guess = _mm256_min_ps(_mm256_max_ps(raw, _mm256_set1_ps(-1.0f)), most_);
    const __m256i edge = _mm256_cvtps_epi32(guess);
    const __m256 threshold = gather(thresholds_, edge);
    const __m256i at_least = _mm256_castps_si256(_mm256_cmp_ps(x, threshold, _CMP_GE_OQ));
    return {_mm256_sub_epi32(_mm256_add_epi32(edge, _mm256_set1_epi32(1)), at_least), __m256i{}};
  }

 private:
  const float* thresholds_;
  __m256 low_, scale_, most_;
};

template <>
class UniformLanes<double> {
 public:
  static bool holds(const UniformRule<double>& rule) { return rule.guess_is_close; }

  explicit UniformLanes(const UniformRule<double>& rule)
      : thresholds_(rule.thresholds),
        low_(_mm256_set1_pd(rule.low)),
        scale_(_mm256_set1_pd(rule.scale)),
        most_(_mm256_set1_pd(static_cast<double>(rule.bins) + 1.0)) {}

  PlacedLanes operator()(Doubles x) const { return {join(four(x.low), four(x.high)), __m256i{}}; }

 private:
  __m128i four(__m256d x) const {
    const __m256d raw = _mm256_mul_pd(_mm256_sub_pd(x, low_), scale_);
    const __m256d guess = _mm256_min_pd(_mm256_max_pd(raw, _mm256_set1_pd(-1.0)), most_);
    const __m128i edge = _mm256_cvtpd_epi32(guess);
    const __m256d threshold = gather(thresholds_, edge);
    const __m256d at_least = _mm256_cmp_pd(x, threshold, _CMP_GE_OQ);
    const __m128i mask = _mm256_castsi256_si128(narrow_masks(at_least, at_least));
    return _mm_sub_epi32(_mm_add_epi32(edge, _mm_set1_epi32(1)), mask);
  }

  const double* thresholds_;
  __m256d low_, scale_, most_;
};

// The guess alone, where it is farther than the margin from every integer; says whether some value
// was in doubt. NaN and infinity are.
template <class V>
class GuessLanes;

template <>
class GuessLanes<float> {
 public:
  explicit GuessLanes(const UniformRule<float>& rule)
      : low_(_mm256_set1_ps(rule.low)),
        scale_(_mm256_set1_ps(rule.scale)),
        margin_(_mm256_set1_ps(rule.margin)),
        bins_(_mm256_set1_ps(static_cast<float>(rule.bins))) {}

  PlacedLanes operator()(__m256 x) {
    const __m256 guess = _mm256_mul_ps(_mm256_sub_ps(x, low_), scale_);
    const __m256 rest = _mm256_sub_ps(guess, _mm256_round_ps(guess, kNearest));
    const __m256 distance = _mm256_andnot_ps(_mm256_set1_ps(-0.0f), rest);
    doubt_ = _mm256_or_ps(doubt_, _mm256_cmp_ps(distance, margin_, _CMP_NGT_UQ));
    const __m256 inside = _mm256_min_ps(_mm256_max_ps(guess, _mm256_set1_ps(-1.0f)), bins_);
    const __m256i bin = _mm256_cvttps_epi32(_mm256_floor_ps(inside));
    return {_mm256_add_epi32(bin, _mm256_set1_epi32(2)), __m256i{}};
  }

  bool in_doubt() const { return _mm256_movemask_ps(doubt_) != 0; }

 private:
  __m256 low_, scale_, margin_, bins_;
  __m256 doubt_ = _mm256_setzero_ps();
};

template <>
class GuessLanes<double> {
 public:
  explicit GuessLanes(const UniformRule<double>& rule)
      : low_(_mm256_set1_pd(rule.low)),
        scale_(_mm256_set1_pd(rule.scale)),
        margin_(_mm256_set1_pd(rule.margin)),
        bins_(_mm256_set1_pd(static_cast<double>(rule.bins))) {}

  PlacedLanes operator()(Doubles x) { return {join(cells(x.low), cells(x.high)), __m256i{}}; }

  bool in_doubt() const { return _mm256_movemask_pd(doubt_) != 0; }

 private:
  __m128i cells(__m256d x) {
    const __m256d guess = _mm256_mul_pd(_mm256_sub_pd(x, low_), scale_);
    const __m256d rest = _mm256_sub_pd(guess, _mm256_round_pd(guess, kNearest));
    const __m256d distance = _mm256_andnot_pd(_mm256_set1_pd(-0.0), rest);
    doubt_ = _mm256_or_pd(doubt_, _mm256_cmp_pd(distance, margin_, _CMP_NGT_UQ));
    const __m256d inside = _mm256_min_pd(_mm256_max_pd(guess, _mm256_set1_pd(-1.0)), bins_);
    return _mm_add_epi32(_mm256_cvttpd_epi32(_mm256_floor_pd(inside)), _mm_set1_epi32(2));
  }

  __m256d low_, scale_, margin_, bins_;
  __m256d doubt_ = _mm256_setzero_pd();
};

// The same for values of at most 11 significant bits, which may sit on edges without doubt.
template <bool kTies>
class NarrowGuessLanes {
 public:
  explicit NarrowGuessLanes(const UniformRule<float>& rule)
      : scale_(_mm256_set1_ps(rule.scale)),
        offset_(_mm256_set1_ps(rule.near.offset)),
        least_(_mm256_set1_ps(rule.narrow_doubt)),
        last_(_mm256_set1_ps(static_cast<float>(rule.bins + kFirstBinCell) - 0.5f)),
        beyond_(_mm256_set1_ps(rule.thresholds[rule.bins])),
        tie_(_mm256_set1_ps(rule.narrow_tie)),
        ties_(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(rule.narrow_ties))) {}

  PlacedLanes operator()(__m256 x) {
    const __m256 magnitude = _mm256_andnot_ps(_mm256_set1_ps(-0.0f), x);
    doubt_ = _mm256_or_ps(doubt_, _mm256_cmp_ps(magnitude, least_, _CMP_NGE_UQ));
    const __m256 guess = _mm256_fmadd_ps(x, scale_, offset_);
    // Clamped half way between integers, where no tie is.
    const __m256 inside =
        _mm256_min_ps(_mm256_max_ps(guess, _mm256_set1_ps(kUnderflowCell + 0.5f)), last_);
    const __m256 floor = _mm256_floor_ps(inside);
    const __m256i guessed = _mm256_cvttps_epi32(floor);
    const __m256i over = _mm256_castps_si256(_mm256_cmp_ps(x, beyond_, _CMP_GE_OQ));
    __m256i cell = _mm256_sub_epi32(guessed, over);
    if constexpr (kTies) {
      const __m256i bin = _mm256_sub_epi32(guessed, _mm256_set1_epi32(kFirstBinCell));
      const __m256i word = _mm256_permutevar8x32_epi32(ties_, _mm256_srli_epi32(bin, 5));
      const __m256i bit = _mm256_srlv_epi32(word, _mm256_and_si256(bin, _mm256_set1_epi32(31)));
      const __m256 near = _mm256_cmp_ps(_mm256_sub_ps(inside, floor), tie_, _CMP_LE_OQ);
      const __m256i down =
          _mm256_and_si256(_mm256_castps_si256(near), _mm256_and_si256(bit, _mm256_set1_epi32(1)));
      cell = _mm256_sub_epi32(cell, down);
    }
    return {cell, __m256i{}};
  }

  bool in_doubt() const { return _mm256_movemask_ps(doubt_) != 0; }

 private:
  __m256 scale_, offset_, least_, last_, beyond_, tie_;
  __m256i ties_;
  __m256 doubt_ = _mm256_setzero_ps();
};

// ---- dyadic ----
// Scaling up by a power of two is exact (or overflows, beyond any bin), so floor(x * scale) is the
// integer of dyadic_units; scaling down could round a tiny negative value to zero: not held.
template <class V>
class DyadicLanes {
 public:
  static bool holds(const DyadicRule& rule) {
    constexpr int kLargestPower = sizeof(V) == 4 ? 127 : 1023;
    constexpr std::int64_t kFarthest = (std::int64_t{1} << 22) - 2;  // units stay below 2^30
    const int power = 8 - rule.exponent;
    return power >= 0 && power <= kLargestPower && rule.origin >= -kFarthest &&
           rule.origin + rule.bins <= kFarthest;
  }

  explicit DyadicLanes(const DyadicRule& rule)
      : scale_(power_of_two<V>(8 - rule.exponent)),
        least_(static_cast<float>(rule.origin) * 256.0f - 128.0f),
        most_(static_cast<float>(rule.origin + rule.bins) * 256.0f + 128.0f),
        nan_(_mm256_set1_epi32(static_cast<int>(rule.origin - 2) * 256)) {}

  PlacedUnits operator()(__m256 x) const {
    const __m256 scaled = _mm256_mul_ps(x, _mm256_set1_ps(scale_));
    const __m256 inside =
        _mm256_max_ps(_mm256_set1_ps(least_), _mm256_min_ps(_mm256_set1_ps(most_), scaled));
    return finish(_mm256_cvttps_epi32(_mm256_floor_ps(inside)));
  }

  PlacedUnits operator()(Doubles x) const { return finish(join(units(x.low), units(x.high))); }

 private:
  __m128i units(__m256d x) const {
    const __m256d scaled = _mm256_mul_pd(x, _mm256_set1_pd(scale_));
    const __m256d inside =
        _mm256_max_pd(_mm256_set1_pd(static_cast<double>(least_)),
                      _mm256_min_pd(_mm256_set1_pd(static_cast<double>(most_)), scaled));
    return _mm256_cvttpd_epi32(_mm256_floor_pd(inside));
  }

  // NaN has become the smallest integer.
  PlacedUnits finish(__m256i units) const {
    return {_mm256_sub_epi32(_mm256_max_epi32(units, nan_), nan_)};
  }

  V scale_;
  float least_, most_;  // the middle of the cells outside
  __m256i nan_;
};

// ---- log ----
// On the upper 32 bits of the value: sign, exponent and enough of the mantissa for bin and digit.
template <class V>
class LogLanes {
 public:
  static bool holds(const LogRule& rule) {
    // Normal 2^min_exponent, exact and normal 2^(7 - min_exponent) >= 1, infinity beyond the grid.
    return rule.min_exponent >= 7 - kBias && rule.min_exponent <= 7 &&
           rule.mantissa_bits + 8 <= kMantissaBits &&
           rule.half >> rule.mantissa_bits <= kBias + 1 - rule.min_exponent;
  }

  explicit LogLanes(const LogRule& rule)
      : central_scale_(power_of_two<V>(7 - rule.min_exponent)),
        drop_(_mm_cvtsi32_si128(kMantissaBits - 8 - rule.mantissa_bits)),
        smallest_(_mm256_set1_epi32((rule.min_exponent + kBias) << (rule.mantissa_bits + 8))),
        beyond_(_mm256_set1_epi32(rule.half + 1)),
        center_(_mm256_set1_epi32(rule.half - rule.first_bin + 2)),
        overflow_(_mm256_set1_epi32(rule.bins + 2)) {}

  PlacedLanes operator()(__m256 x) const {
    const __m256 scaled = _mm256_floor_ps(_mm256_mul_ps(x, _mm256_set1_ps(central_scale_)));
    return finish(_mm256_castps_si256(x), _mm256_cvttps_epi32(scaled),
                  _mm256_castps_si256(_mm256_cmp_ps(x, x, _CMP_UNORD_Q)));
  }

  PlacedLanes operator()(Doubles x) const {
    const __m256d low = x.low;
    const __m256d high = x.high;
    return finish(high_words(low, high), join(central(low), central(high)),
                  narrow_masks(_mm256_cmp_pd(low, low, _CMP_UNORD_Q),
                               _mm256_cmp_pd(high, high, _CMP_UNORD_Q)));
  }

 private:
  static constexpr int kBias = sizeof(V) == 4 ? 127 : 1023;
  static constexpr int kMantissaBits = sizeof(V) == 4 ? 23 : 20;

  __m128i central(__m256d x) const {
    return _mm256_cvttpd_epi32(_mm256_floor_pd(_mm256_mul_pd(x, _mm256_set1_pd(central_scale_))));
  }

  PlacedLanes finish(__m256i bits, __m256i central, __m256i nan) const {
    const __m256i negative = _mm256_srai_epi32(bits, 31);
    const __m256i magnitude = _mm256_and_si256(bits, _mm256_set1_epi32(0x7fffffff));
    const __m256i key = _mm256_sub_epi32(_mm256_srl_epi32(magnitude, drop_), smallest_);
    // Bins outwards from the central one, which is 0.
    __m256i outward = _mm256_max_epi32(_mm256_srai_epi32(key, 8), _mm256_set1_epi32(-1));
    outward = _mm256_min_epi32(_mm256_sub_epi32(outward, _mm256_set1_epi32(-1)), beyond_);
    const __m256i mirrored = _mm256_sub_epi32(_mm256_xor_si256(outward, negative), negative);
    const __m256i cell =
        clamp(_mm256_add_epi32(mirrored, center_), _mm256_set1_epi32(1), overflow_);
    const __m256i centered = _mm256_add_epi32(central, _mm256_set1_epi32(128));
    const __m256i digit =
        _mm256_blendv_epi8(_mm256_xor_si256(key, negative), centered, _mm256_srai_epi32(key, 31));
    return {_mm256_andnot_si256(nan, cell), _mm256_and_si256(digit, _mm256_set1_epi32(255))};
  }

  V central_scale_;
  __m128i drop_;
  __m256i smallest_, beyond_, center_, overflow_;
};

}  // namespace
}  // namespace igfast

#endif
