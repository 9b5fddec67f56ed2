// Plain C++ loops over a block; the definition that other instruction sets reproduce.
#include <cmath>

#include "cpu/kernels.h"

namespace igfast {
namespace {

inline std::uint32_t sub_histogram(std::int32_t lane, std::uint32_t rotation) {
  return (static_cast<std::uint32_t>(lane) + rotation) & 7u;
}

template <class Rule, class V>
void count(const Rule& rule, const Block<V>& block, std::uint32_t* words) {
  for (std::int32_t j = 0; j < block.size; ++j) {
    ++words[place(rule, block.values[j]).cell * 8u + sub_histogram(j, block.rotation)];
  }
}

template <class Rule, class V>
void count_digits(const Rule& rule, const Block<V>& block, std::uint64_t* words) {
  for (std::int32_t j = 0; j < block.size; ++j) {
    const Placed placed = place(rule, block.values[j]);
    words[placed.cell * 8u + sub_histogram(j, block.rotation)] +=
        (std::uint64_t{1} << 32) | placed.digit;
  }
}

template <class V>
bool add_moments(const Block<V>& block, MomentSums& sums) {
  constexpr int kWide = MomentSums::kLanes;
  MomentSums added = sums;
  for (std::int32_t j = 0; j < block.size; j += kWide) {
    for (int lane = 0; lane < kWide; ++lane) {
      const auto x = static_cast<double>(block.values[j + lane]);
      const double d = x - added.shift;
      const double d2 = d * d;
      added.first[lane] += d;
      added.second[lane] += d2;
      added.third[lane] += d2 * d;
      added.fourth[lane] += d2 * d2;
      added.minimum[lane] = x < added.minimum[lane] ? x : added.minimum[lane];
      added.maximum[lane] = x > added.maximum[lane] ? x : added.maximum[lane];
      added.zeros += x == 0.0 ? 1 : 0;
    }
  }
  for (const double sum : added.first) {
    if (!std::isfinite(sum)) {
      return false;
    }
  }
  added.count += block.size;
  sums = added;
  return true;
}

template <class T>
void widen_block(const unsigned char* source, std::int64_t size, float* values) {
  for (std::int64_t j = 0; j < size; ++j) {
    T stored;
    std::memcpy(&stored, source + j * static_cast<std::int64_t>(sizeof stored), sizeof stored);
    values[j] = widen(stored);
  }
}

template <class V>
constexpr ValueKernels<V> value_kernels() {
  return {count<UniformRule<V>, V>, count<DyadicRule, V>,     count_digits<DyadicRule, V>,
          count<LogRule, V>,        count_digits<LogRule, V>, add_moments<V>};
}

}  // namespace

const Kernels& scalar_kernels() {
  static const Kernels table = {
      Isa::kScalar,           value_kernels<float>(), value_kernels<double>(),
      widen_block<Float16>,   widen_block<BFloat16>,  widen_block<Float8E4M3FN>,
      widen_block<Float8E5M2>};
  return table;
}

const Kernels& current_kernels() {
#ifdef IGFAST_HAVE_AVX2
  if (current_isa() == Isa::kAvx2) {
    return avx2_kernels();
  }
#else
  (void)current_isa();
#endif
  return scalar_kernels();
}

}  // namespace igfast
