// AVX2 loops. This file alone is compiled for AVX2 and F16C: it must define nothing that the
// linker could share with other files, so it calls no inline function of a header but intrinsics.
#include <immintrin.h>

#include "cpu/kernels.h"
#include "cpu/place_avx2.h"
#include "cpu/tuning.h"

namespace igfast {
namespace {

// May point past the end of the data: a prefetch never faults.
inline void prefetch(const void* address) {
  _mm_prefetch(static_cast<const char*>(address) + Tuning::kPrefetch, _MM_HINT_T0);
}

inline void add_pair(const std::uint32_t* codes, std::uint32_t* words) {
  std::uint64_t pair;  // one load for two codes
  __builtin_memcpy(&pair, codes, sizeof pair);
  ++words[static_cast<std::uint32_t>(pair)];
  ++words[pair >> 32];
}

inline void add_pair(const std::uint32_t* codes, std::uint64_t* words) {
  constexpr std::uint64_t kOne = std::uint64_t{1} << 32;
  std::uint64_t pair;
  __builtin_memcpy(&pair, codes, sizeof pair);
  words[static_cast<std::uint32_t>(pair) >> 8] += kOne + (pair & 255u);
  words[pair >> 40] += kOne + (pair >> 32 & 255u);
}

// Places the groups of a block, placer(values) -> PlacedLanes for eight values, and increments
// their words. A code is the index of a word, with digits that << 8 | digit. The codes of a group
// are computed while those of the group before are counted: neither half fills the processor.
template <class Placer, class V, class Word>
inline void count_lanes(const Placer& placer, const Block<V>& block, Word* words) {
  constexpr std::int32_t kGroup = Block<V>::kGroup;
  alignas(64) std::uint32_t codes[2][kGroup];
  const __m256i lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
  const __m256i rotation = _mm256_set1_epi32(static_cast<int>(block.rotation));
  const __m256i sub = _mm256_and_si256(_mm256_add_epi32(lane, rotation), _mm256_set1_epi32(7));
  // Coordinates start at -2 (NaN), -1 (underflow), 0 (first bin).
  const __m256i base =
      _mm256_add_epi32(sub, _mm256_set1_epi32(static_cast<int>(kFirstBinCell * kLanes)));
  const auto place_group = [&](std::int32_t first) {
    std::uint32_t* group = codes[first / kGroup & 1];
    for (std::int32_t j = 0; j < kGroup; j += 8) {
      const V* values = block.values + first + j;
      prefetch(values);
      const PlacedLanes placed = placer(values);
      __m256i code = _mm256_add_epi32(_mm256_slli_epi32(placed.coordinate, 3), base);
      if (sizeof(Word) == sizeof(std::uint64_t)) {
        code = _mm256_or_si256(_mm256_slli_epi32(code, 8), placed.digit);
      }
      _mm256_store_si256(reinterpret_cast<__m256i*>(group + j), code);
    }
  };
  place_group(0);
  for (std::int32_t first = 0; first < block.size; first += kGroup) {
    if (first + kGroup < block.size) {
      place_group(first + kGroup);
    }
    for (std::int32_t j = 0; j < kGroup; j += 2) {
      add_pair(codes[first / kGroup & 1] + j, words);
    }
  }
}

template <class V>
void count_uniform(const UniformRule<V>& rule, const Block<V>& block, std::uint32_t* words) {
  if (UniformLanes<V>::holds(rule)) {
    count_lanes(UniformLanes<V>(rule), block, words);
  } else {
    scalar_kernels().of(V{}).uniform(rule, block, words);
  }
}

template <class V, class Word>
void count_dyadic(const DyadicRule& rule, const Block<V>& block, Word* words) {
  if (DyadicLanes<V>::holds(rule)) {
    count_lanes(DyadicLanes<V>(rule), block, words);
  } else if constexpr (sizeof(Word) == sizeof(std::uint64_t)) {
    scalar_kernels().of(V{}).dyadic_digits(rule, block, words);
  } else {
    scalar_kernels().of(V{}).dyadic(rule, block, words);
  }
}

template <class V, class Word>
void count_log(const LogRule& rule, const Block<V>& block, Word* words) {
  if (LogLanes<V>::holds(rule)) {
    count_lanes(LogLanes<V>(rule), block, words);
  } else if constexpr (sizeof(Word) == sizeof(std::uint64_t)) {
    scalar_kernels().of(V{}).log_digits(rule, block, words);
  } else {
    scalar_kernels().of(V{}).log(rule, block, words);
  }
}

// ---- moments: lanes 0-3 and 4-7 of MomentSums in two registers of double ----
struct PowerSums {
  __m256d first, second, third, fourth;

  PowerSums(const MomentSums& sums, int lane)
      : first(_mm256_loadu_pd(sums.first + lane)),
        second(_mm256_loadu_pd(sums.second + lane)),
        third(_mm256_loadu_pd(sums.third + lane)),
        fourth(_mm256_loadu_pd(sums.fourth + lane)) {}

  void add(__m256d x, __m256d shift) {
    const __m256d d = _mm256_sub_pd(x, shift);
    const __m256d d2 = _mm256_mul_pd(d, d);
    first = _mm256_add_pd(first, d);
    second = _mm256_add_pd(second, d2);
    third = _mm256_add_pd(third, _mm256_mul_pd(d2, d));
    fourth = _mm256_add_pd(fourth, _mm256_mul_pd(d2, d2));
  }

  bool finite() const {  // inf - inf and NaN - NaN are not equal to zero
    const __m256d zero = _mm256_sub_pd(first, first);
    return _mm256_movemask_pd(_mm256_cmp_pd(zero, _mm256_setzero_pd(), _CMP_EQ_OQ)) == 15;
  }

  void store(MomentSums& sums, int lane) const {
    _mm256_storeu_pd(sums.first + lane, first);
    _mm256_storeu_pd(sums.second + lane, second);
    _mm256_storeu_pd(sums.third + lane, third);
    _mm256_storeu_pd(sums.fourth + lane, fourth);
  }
};

// x < minimum ? x : minimum, as in add_value: the second operand where they compare equal.
inline void store_extremes(MomentSums& sums, int lane, __m256d minimum, __m256d maximum) {
  _mm256_storeu_pd(sums.minimum + lane,
                   _mm256_min_pd(minimum, _mm256_loadu_pd(sums.minimum + lane)));
  _mm256_storeu_pd(sums.maximum + lane,
                   _mm256_max_pd(maximum, _mm256_loadu_pd(sums.maximum + lane)));
}

bool moments_float(const Block<float>& block, MomentSums& sums) {
  const __m256d shift = _mm256_set1_pd(sums.shift);
  PowerSums low(sums, 0);
  PowerSums high(sums, 4);
  __m256 minimum = _mm256_loadu_ps(block.values);
  __m256 maximum = minimum;
  __m256i zeros = _mm256_setzero_si256();
  for (std::int32_t j = 0; j < block.size; j += 8) {
    prefetch(block.values + j);
    const __m256 x = _mm256_loadu_ps(block.values + j);
    low.add(_mm256_cvtps_pd(_mm256_castps256_ps128(x)), shift);
    high.add(_mm256_cvtps_pd(_mm256_extractf128_ps(x, 1)), shift);
    minimum = _mm256_min_ps(x, minimum);
    maximum = _mm256_max_ps(x, maximum);
    const __m256 is_zero = _mm256_cmp_ps(x, _mm256_setzero_ps(), _CMP_EQ_OQ);
    zeros = _mm256_sub_epi32(zeros, _mm256_castps_si256(is_zero));
  }
  if (!low.finite() || !high.finite()) {
    return false;
  }
  low.store(sums, 0);
  high.store(sums, 4);
  store_extremes(sums, 0, _mm256_cvtps_pd(_mm256_castps256_ps128(minimum)),
                 _mm256_cvtps_pd(_mm256_castps256_ps128(maximum)));
  store_extremes(sums, 4, _mm256_cvtps_pd(_mm256_extractf128_ps(minimum, 1)),
                 _mm256_cvtps_pd(_mm256_extractf128_ps(maximum, 1)));
  alignas(32) std::int32_t lanes[8];
  _mm256_store_si256(reinterpret_cast<__m256i*>(lanes), zeros);
  for (const std::int32_t count : lanes) {
    sums.zeros += count;
  }
  sums.count += block.size;
  return true;
}

bool moments_double(const Block<double>& block, MomentSums& sums) {
  const __m256d shift = _mm256_set1_pd(sums.shift);
  PowerSums low(sums, 0);
  PowerSums high(sums, 4);
  __m256d minimum[2] = {_mm256_loadu_pd(block.values), _mm256_loadu_pd(block.values + 4)};
  __m256d maximum[2] = {minimum[0], minimum[1]};
  __m256i zeros = _mm256_setzero_si256();
  for (std::int32_t j = 0; j < block.size; j += 8) {
    prefetch(block.values + j);
    for (int half = 0; half < 2; ++half) {
      const __m256d x = _mm256_loadu_pd(block.values + j + 4 * half);
      (half == 0 ? low : high).add(x, shift);
      minimum[half] = _mm256_min_pd(x, minimum[half]);
      maximum[half] = _mm256_max_pd(x, maximum[half]);
      const __m256d is_zero = _mm256_cmp_pd(x, _mm256_setzero_pd(), _CMP_EQ_OQ);
      zeros = _mm256_sub_epi64(zeros, _mm256_castpd_si256(is_zero));
    }
  }
  if (!low.finite() || !high.finite()) {
    return false;
  }
  low.store(sums, 0);
  high.store(sums, 4);
  store_extremes(sums, 0, minimum[0], maximum[0]);
  store_extremes(sums, 4, minimum[1], maximum[1]);
  alignas(32) std::int64_t lanes[4];
  _mm256_store_si256(reinterpret_cast<__m256i*>(lanes), zeros);
  for (const std::int64_t count : lanes) {
    sums.zeros += count;
  }
  sums.count += block.size;
  return true;
}

// ---- storage to values: vectors, then the scalar loop for the rest ----
inline __m128i load16(const unsigned char* source) {
  return _mm_loadu_si128(reinterpret_cast<const __m128i*>(source));
}

inline __m128i load8(const unsigned char* source) {
  return _mm_loadl_epi64(reinterpret_cast<const __m128i*>(source));
}

void widen_float16(const unsigned char* source, std::int64_t size, float* values) {
  std::int64_t j = 0;
  for (; j + 8 <= size; j += 8) {
    prefetch(source + 2 * j);
    _mm256_storeu_ps(values + j, _mm256_cvtph_ps(load16(source + 2 * j)));
  }
  scalar_kernels().widen_float16(source + 2 * j, size - j, values + j);
}

void widen_bfloat16(const unsigned char* source, std::int64_t size, float* values) {
  std::int64_t j = 0;
  for (; j + 8 <= size; j += 8) {
    prefetch(source + 2 * j);
    const __m256i bits = _mm256_slli_epi32(_mm256_cvtepu16_epi32(load16(source + 2 * j)), 16);
    _mm256_storeu_ps(values + j, _mm256_castsi256_ps(bits));
  }
  scalar_kernels().widen_bfloat16(source + 2 * j, size - j, values + j);
}

// The magnitude bits sit in a half as value * 2^-8 (bias 7 against 15), subnormals included; the
// largest pattern is NaN.
void widen_float8_e4m3fn(const unsigned char* source, std::int64_t size, float* values) {
  std::int64_t j = 0;
  for (; j + 8 <= size; j += 8) {
    prefetch(source + j);
    const __m128i wide = _mm_cvtepu8_epi16(load8(source + j));
    const __m128i magnitude = _mm_and_si128(wide, _mm_set1_epi16(0x7f));
    const __m128i sign = _mm_slli_epi16(_mm_and_si128(wide, _mm_set1_epi16(0x80)), 8);
    const __m128i nan =
        _mm_and_si128(_mm_cmpeq_epi16(magnitude, _mm_set1_epi16(0x7f)), _mm_set1_epi16(0x7e00));
    const __m128i half = _mm_or_si128(_mm_or_si128(_mm_slli_epi16(magnitude, 7), sign), nan);
    _mm256_storeu_ps(values + j, _mm256_mul_ps(_mm256_cvtph_ps(half), _mm256_set1_ps(256.0f)));
  }
  scalar_kernels().widen_float8_e4m3fn(source + j, size - j, values + j);
}

void widen_float8_e5m2(const unsigned char* source, std::int64_t size, float* values) {
  std::int64_t j = 0;
  for (; j + 8 <= size; j += 8) {
    prefetch(source + j);
    const __m128i half = _mm_slli_epi16(_mm_cvtepu8_epi16(load8(source + j)), 8);
    _mm256_storeu_ps(values + j, _mm256_cvtph_ps(half));
  }
  scalar_kernels().widen_float8_e5m2(source + j, size - j, values + j);
}

}  // namespace

const Kernels& avx2_kernels() {
  static const Kernels table = {
      Isa::kAvx2,
      {count_uniform<float>, count_dyadic<float, std::uint32_t>, count_dyadic<float, std::uint64_t>,
       count_log<float, std::uint32_t>, count_log<float, std::uint64_t>, moments_float},
      {count_uniform<double>, count_dyadic<double, std::uint32_t>,
       count_dyadic<double, std::uint64_t>, count_log<double, std::uint32_t>,
       count_log<double, std::uint64_t>, moments_double},
      widen_float16,
      widen_bfloat16,
      widen_float8_e4m3fn,
      widen_float8_e5m2};
  return table;
}

}  // namespace igfast
