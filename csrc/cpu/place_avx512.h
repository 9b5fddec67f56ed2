// The scalar rules of grid.h on sixteen values at a time. Included by kernels_avx512.cpp only,
// within which it must stay: everything here is in an unnamed namespace.
#ifndef IGFAST_CPU_PLACE_AVX512_H
#define IGFAST_CPU_PLACE_AVX512_H

#include <immintrin.h>

#include "cpu/lanes_avx512.h"
#include "grid.h"

namespace igfast {
namespace {

// Sixteen times Placed of grid.h.
struct PlacedLanes {
  __m512i cell;
  __m512i digit;
};

// Those of a dyadic grid as one integer, cell << 8 | digit; the smallest one is NaN's, of cell 0.
struct PlacedUnits {
  static constexpr int kCellBits = 23;

  __m512i units;
};

inline __m512i cells_of(const PlacedLanes& placed) { return placed.cell; }

inline __m512i cells_of(const PlacedUnits& placed) {
  return _mm512_and_si512(_mm512_srli_epi32(placed.units, 8),
                          _mm512_set1_epi32((1 << PlacedUnits::kCellBits) - 1));
}

constexpr int kNearest = _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC;
constexpr int kDown = _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC;

inline __m512i join(__m256i low, __m256i high) {
  return _mm512_inserti64x4(_mm512_castsi256_si512(low), high, 1);
}

inline __mmask16 join(__mmask8 low, __mmask8 high) { return _mm512_kunpackb(high, low); }

inline __mmask16 ordered(__m512 x) { return _mm512_cmp_ps_mask(x, x, _CMP_ORD_Q); }

inline __mmask16 ordered(Doubles x) {
  return join(_mm512_cmp_pd_mask(x.low, x.low, _CMP_ORD_Q),
              _mm512_cmp_pd_mask(x.high, x.high, _CMP_ORD_Q));
}

// floor, and the smallest integer for NaN and whatever no integer holds.
inline __m512i floor_to_int(__m512 x) { return _mm512_cvt_roundps_epi32(x, kDown); }

inline __m512i floor_to_int(Doubles x) {
  return join(_mm512_cvt_roundpd_epi32(x.low, kDown), _mm512_cvt_roundpd_epi32(x.high, kDown));
}

inline __m512 power_of_two(int exponent, __m512) {
  return _mm512_castsi512_ps(_mm512_set1_epi32((exponent + 127) << 23));
}

inline __m512d power_of_two(int exponent, __m512d) {
  return _mm512_castsi512_pd(_mm512_set1_epi64(static_cast<long long>(exponent + 1023) << 52));
}

inline __m512i clamp(__m512i x, __m512i least, __m512i most) {
  return _mm512_min_epi32(_mm512_max_epi32(x, least), most);
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
        low_(_mm512_set1_ps(rule.low)),
        scale_(_mm512_set1_ps(rule.scale)),
        most_(_mm512_set1_ps(static_cast<float>(rule.bins) + 1.0f)) {}

  PlacedLanes operator()(__m512 x) const {
    const __m512 raw = _mm512_mul_ps(_mm512_sub_ps(x, low_), scale_);
    // Operands in this order turn NaN into -1, where no comparison holds.
    const __m512 guess = _mm512_min_ps(_mm512_max_ps(raw, _mm512_set1_ps(-1.0f)), most_);
    const __m512i edge = _mm512_cvtps_epi32(guess);
    // Masked by all ones: the plain gather of GCC 12 warns of an uninitialized variable.
    const __m512 threshold =
        _mm512_mask_i32gather_ps(_mm512_setzero_ps(), 0xffff, edge, thresholds_, 4);
    const __mmask16 at_least = _mm512_cmp_ps_mask(x, threshold, _CMP_GE_OQ);
    const __m512i one = _mm512_set1_epi32(1);
    const __m512i cell = _mm512_add_epi32(edge, one);
    return {_mm512_mask_add_epi32(cell, at_least, cell, one), __m512i{}};
  }

 private:
  const float* thresholds_;
  __m512 low_, scale_, most_;
};

template <>
class UniformLanes<double> {
 public:
  static bool holds(const UniformRule<double>& rule) { return rule.guess_is_close; }

  explicit UniformLanes(const UniformRule<double>& rule)
      : thresholds_(rule.thresholds),
        low_(_mm512_set1_pd(rule.low)),
        scale_(_mm512_set1_pd(rule.scale)),
        most_(_mm512_set1_pd(static_cast<double>(rule.bins) + 1.0)) {}

  PlacedLanes operator()(Doubles x) const { return {join(cells(x.low), cells(x.high)), __m512i{}}; }

 private:
  __m256i cells(__m512d x) const {
    const __m512d raw = _mm512_mul_pd(_mm512_sub_pd(x, low_), scale_);
    const __m512d guess = _mm512_min_pd(_mm512_max_pd(raw, _mm512_set1_pd(-1.0)), most_);
    const __m256i edge = _mm512_cvtpd_epi32(guess);
    const __m512d threshold =
        _mm512_mask_i32gather_pd(_mm512_setzero_pd(), 0xff, edge, thresholds_, 8);
    const __mmask8 at_least = _mm512_cmp_pd_mask(x, threshold, _CMP_GE_OQ);
    const __m256i one = _mm256_set1_epi32(1);
    const __m256i cell = _mm256_add_epi32(edge, one);
    return _mm256_mask_add_epi32(cell, at_least, cell, one);
  }

  const double* thresholds_;
  __m512d low_, scale_, most_;
};

// The guess alone, where it is farther than the margin from every integer; says whether some value
// was in doubt. NaN and infinity are.
template <class V>
class GuessLanes;

template <>
class GuessLanes<float> {
 public:
  explicit GuessLanes(const UniformRule<float>& rule)
      : low_(_mm512_set1_ps(rule.low)),
        scale_(_mm512_set1_ps(rule.scale)),
        margin_(_mm512_set1_ps(rule.margin)),
        bins_(_mm512_set1_ps(static_cast<float>(rule.bins))) {}

  PlacedLanes operator()(__m512 x) {
    const __m512 guess = _mm512_mul_ps(_mm512_sub_ps(x, low_), scale_);
    const __m512 distance = _mm512_abs_ps(_mm512_reduce_ps(guess, kNearest));
    doubt_ |= _mm512_cmp_ps_mask(distance, margin_, _CMP_NGT_UQ);
    const __m512 inside = _mm512_min_ps(_mm512_max_ps(guess, _mm512_set1_ps(-1.0f)), bins_);
    return {_mm512_add_epi32(floor_to_int(inside), _mm512_set1_epi32(2)), __m512i{}};
  }

  bool in_doubt() const { return doubt_ != 0; }

 private:
  __m512 low_, scale_, margin_, bins_;
  __mmask16 doubt_ = 0;
};

template <>
class GuessLanes<double> {
 public:
  explicit GuessLanes(const UniformRule<double>& rule)
      : low_(_mm512_set1_pd(rule.low)),
        scale_(_mm512_set1_pd(rule.scale)),
        margin_(_mm512_set1_pd(rule.margin)),
        bins_(_mm512_set1_pd(static_cast<double>(rule.bins))) {}

  PlacedLanes operator()(Doubles x) {
    const __m512i bins = floor_to_int(Doubles{inside(x.low), inside(x.high)});
    return {_mm512_add_epi32(bins, _mm512_set1_epi32(2)), __m512i{}};
  }

  bool in_doubt() const { return doubt_ != 0; }

 private:
  __m512d inside(__m512d x) {
    const __m512d guess = _mm512_mul_pd(_mm512_sub_pd(x, low_), scale_);
    const __m512d distance = _mm512_abs_pd(_mm512_reduce_pd(guess, kNearest));
    doubt_ |= _mm512_cmp_pd_mask(distance, margin_, _CMP_NGT_UQ);
    return _mm512_min_pd(_mm512_max_pd(guess, _mm512_set1_pd(-1.0)), bins_);
  }

  __m512d low_, scale_, margin_, bins_;
  __mmask8 doubt_ = 0;
};

// The same for values of at most 11 significant bits, which may sit on edges without doubt.
template <bool kTies>
class NarrowGuessLanes {
 public:
  explicit NarrowGuessLanes(const UniformRule<float>& rule)
      : scale_(_mm512_set1_ps(rule.scale)),
        offset_(_mm512_set1_ps(rule.near.offset)),
        least_(_mm512_set1_ps(rule.narrow_doubt)),
        last_(_mm512_set1_ps(static_cast<float>(rule.bins + kFirstBinCell) - 0.5f)),
        beyond_(_mm512_set1_ps(rule.thresholds[rule.bins])),
        tie_(_mm512_set1_ps(rule.narrow_tie)),
        ties_(_mm512_broadcast_i32x8(load16(rule.narrow_ties))) {}

  PlacedLanes operator()(__m512 x) {
    doubt_ |= _mm512_cmp_ps_mask(_mm512_abs_ps(x), least_, _CMP_NGE_UQ);
    const __m512 guess = _mm512_fmadd_ps(x, scale_, offset_);
    // Clamped half way between integers, where no tie is.
    const __m512 inside =
        _mm512_min_ps(_mm512_max_ps(guess, _mm512_set1_ps(kUnderflowCell + 0.5f)), last_);
    const __m512i guessed = floor_to_int(inside);
    const __m512i one = _mm512_set1_epi32(1);
    const __mmask16 over = _mm512_cmp_ps_mask(x, beyond_, _CMP_GE_OQ);
    __m512i cell = _mm512_mask_add_epi32(guessed, over, guessed, one);
    if constexpr (kTies) {
      const __m512i bin = _mm512_sub_epi32(guessed, _mm512_set1_epi32(kFirstBinCell));
      const __m512i word = _mm512_permutexvar_epi32(_mm512_srli_epi32(bin, 5), ties_);
      const __m512i bit = _mm512_rorv_epi32(word, bin);  // by bin modulo 32
      const __mmask16 near = _mm512_cmp_ps_mask(_mm512_reduce_ps(inside, kDown), tie_, _CMP_LE_OQ);
      cell = _mm512_mask_sub_epi32(cell, _mm512_mask_test_epi32_mask(near, bit, one), cell, one);
    }
    return {cell, __m512i{}};
  }

  bool in_doubt() const { return doubt_ != 0; }

 private:
  __m512 scale_, offset_, least_, last_, beyond_, tie_;
  __m512i ties_;
  __mmask16 doubt_ = 0;
};

// ---- dyadic ----
// Scaling up by a power of two is exact (or overflows, beyond any bin), and a sum rounded down does
// not pass the integer below it: floor(x * scale + offset) is the integer of dyadic_units, in units
// of the cells. Scaling down could round a tiny negative value to zero: not held.
template <class V>
class DyadicLanes {
 public:
  static bool holds(const DyadicRule& rule) {
    constexpr int kLargestPower = sizeof(V) == 4 ? 127 : 1023;
    constexpr std::int64_t kFarthest = std::int64_t{1} << 22;  // offsets are exact in float
    // Units above 2^24 are even: the cell is right, the digit is not. Words with digits have fewer.
    constexpr std::int32_t kMostBins = 1 << 16;
    const int power = 8 - rule.exponent;
    return power >= 0 && power <= kLargestPower && rule.origin >= -kFarthest &&
           rule.origin <= kFarthest && rule.bins <= kMostBins;
  }

  explicit DyadicLanes(const DyadicRule& rule)
      : power_(8 - rule.exponent),
        offset_(static_cast<float>(kFirstBinCell - rule.origin) * 256.0f),
        most_(static_cast<float>(rule.bins + kFirstBinCell) * 256.0f + 128.0f) {}

  template <class Lanes>
  PlacedUnits operator()(Lanes x) const {
    return {floor_to_int(units(x))};
  }

 private:
  static constexpr float kLeast = static_cast<float>(kUnderflowCell) * 256.0f + 128.0f;

  // NaN stays.
  __m512 units(__m512 x) const {
    const __m512 sum =
        _mm512_fmadd_round_ps(x, power_of_two(power_, x), _mm512_set1_ps(offset_), kDown);
    return _mm512_min_ps(_mm512_set1_ps(most_), _mm512_max_ps(_mm512_set1_ps(kLeast), sum));
  }

  Doubles units(Doubles x) const { return {units(x.low), units(x.high)}; }

  __m512d units(__m512d x) const {
    const __m512d sum = _mm512_fmadd_round_pd(x, power_of_two(power_, x),
                                              _mm512_set1_pd(static_cast<double>(offset_)), kDown);
    return _mm512_min_pd(_mm512_set1_pd(static_cast<double>(most_)),
                         _mm512_max_pd(_mm512_set1_pd(static_cast<double>(kLeast)), sum));
  }

  int power_;
  float offset_, most_;
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
      : central_power_(7 - rule.min_exponent),
        drop_(_mm_cvtsi32_si128(kMantissaBits - 8 - rule.mantissa_bits)),
        smallest_(_mm512_set1_epi32((rule.min_exponent + kBias) << (rule.mantissa_bits + 8))),
        beyond_(_mm512_set1_epi32(rule.half + 1)),
        center_(_mm512_set1_epi32(rule.half - rule.first_bin + 2)),
        overflow_(_mm512_set1_epi32(rule.bins + 2)) {}

  template <class Lanes>
  PlacedLanes operator()(Lanes x) const {
    const __m512i bits = upper_words(x);
    const __m512i zero = _mm512_setzero_si512();
    const __m512i one = _mm512_set1_epi32(1);
    const __mmask16 negative = _mm512_movepi32_mask(bits);
    const __m512i magnitude = _mm512_and_si512(bits, _mm512_set1_epi32(0x7fffffff));
    const __m512i key = _mm512_sub_epi32(_mm512_srl_epi32(magnitude, drop_), smallest_);
    // Bins outwards from the central one, which is 0.
    const __m512i outward = clamp(_mm512_add_epi32(_mm512_srai_epi32(key, 8), one), zero, beyond_);
    const __m512i mirrored = _mm512_mask_sub_epi32(outward, negative, zero, outward);
    const __m512i index = _mm512_add_epi32(mirrored, center_);
    const __m512i cell = _mm512_min_epi32(_mm512_max_epi32(index, one), overflow_);
    const __m512i away = _mm512_mask_xor_epi32(key, negative, key, _mm512_set1_epi32(-1));
    const __m512i centered = _mm512_add_epi32(floor_to_int(scaled(x)), _mm512_set1_epi32(128));
    const __m512i digit = _mm512_mask_mov_epi32(away, _mm512_movepi32_mask(key), centered);
    return {_mm512_maskz_mov_epi32(ordered(x), cell),
            _mm512_and_si512(digit, _mm512_set1_epi32(255))};
  }

 private:
  static constexpr int kBias = sizeof(V) == 4 ? 127 : 1023;
  static constexpr int kMantissaBits = sizeof(V) == 4 ? 23 : 20;

  static __m512i upper_words(__m512 x) { return _mm512_castps_si512(x); }

  static __m512i upper_words(Doubles x) {
    return join(_mm512_cvtepi64_epi32(_mm512_srli_epi64(_mm512_castpd_si512(x.low), 32)),
                _mm512_cvtepi64_epi32(_mm512_srli_epi64(_mm512_castpd_si512(x.high), 32)));
  }

  __m512 scaled(__m512 x) const { return _mm512_mul_ps(x, power_of_two(central_power_, x)); }

  Doubles scaled(Doubles x) const {
    const __m512d scale = power_of_two(central_power_, x.low);
    return {_mm512_mul_pd(x.low, scale), _mm512_mul_pd(x.high, scale)};
  }

  int central_power_;
  __m128i drop_;
  __m512i smallest_, beyond_, center_, overflow_;
};

}  // namespace
}  // namespace igfast

#endif
