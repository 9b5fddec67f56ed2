// Plain C++ loops over a run; the definition that other instruction sets reproduce.
#include <cmath>

#include "cpu/kernels.h"

namespace igfast {
namespace {

// Of value j of the run.
template <class T>
std::uint32_t sub_histogram(const Run<T>& run, std::int32_t j) {
  const auto lane = static_cast<std::uint32_t>(j);
  return (lane + (((run.block + (lane >> 8)) * kRotationFactor) >> 29)) & 7u;
}

template <class Rule, class T>
void count(const Rule& rule, const Run<T>& run, std::uint32_t* words) {
  for (std::int32_t j = 0; j < run.size; ++j) {
    ++words[place(rule, widen(run.values[j])).cell * 8u + sub_histogram(run, j)];
  }
}

template <class Rule, class T>
void count_digits(const Rule& rule, const Run<T>& run, std::uint64_t* words) {
  for (std::int32_t j = 0; j < run.size; ++j) {
    const Placed placed = place(rule, widen(run.values[j]));
    words[placed.cell * 8u + sub_histogram(run, j)] +=
        (std::uint64_t{1} << kDigitBits) | placed.digit;
  }
}

template <class T>
void count_dyadic(const DyadicRule& rule, const Run<T>& run, std::uint32_t* words,
                  Extents<Widened<T>>* extents) {
  count(rule, run, words);
  if (extents != nullptr) {
    add_extents(run, *extents);
  }
}

template <class T>
void count_dyadic_digits(const DyadicRule& rule, const Run<T>& run, std::uint64_t* words,
                         Extents<Widened<T>>* extents) {
  count_digits(rule, run, words);
  if (extents != nullptr) {
    add_extents(run, *extents);
  }
}

template <class T>
bool add_moments(const Run<T>& run, MomentSums& sums) {
  constexpr int kWide = MomentSums::kLanes;
  MomentSums added = sums;
  for (std::int32_t j = 0; j < run.size; j += kWide) {
    for (int lane = 0; lane < kWide; ++lane) {
      const auto x = static_cast<double>(widen(run.values[j + lane]));
      const double d = x - added.shift;
      const double d2 = d * d;
      added.first[lane] += d;
      added.second[lane] += d2;
      added.third[lane] = std::fma(d2, d, added.third[lane]);
      added.fourth[lane] = std::fma(d2, d2, added.fourth[lane]);
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
  added.count += run.size;
  sums = added;
  return true;
}

template <class T>
bool count_dyadic_moments(const DyadicRule& rule, const Run<T>& run, std::uint64_t* words,
                          MomentSums& sums) {
  count_digits(rule, run, words);
  return add_moments(run, sums);
}

template <class T>
constexpr StorageKernels<T> storage_kernels() {
  return {count<UniformRule<Widened<T>>, T>,
          count_dyadic<T>,
          count_dyadic_digits<T>,
          count<LogRule, T>,
          count_digits<LogRule, T>,
          nullptr,
          nullptr,
          nullptr,
          nullptr,
          add_moments<T>,
          count_dyadic_moments<T>};
}

}  // namespace

template <class T>
void add_extents(const Run<T>& run, Extents<Widened<T>>& extents) {
  for (std::int32_t j = 0; j < run.size; ++j) {
    const auto x = widen(run.values[j]);
    const int lane = j & (Extents<Widened<T>>::kLanes - 1);
    if (std::isfinite(x)) {
      extents.zeros += x == 0 ? 1 : 0;
      extents.minimum[lane] = x < extents.minimum[lane] ? x : extents.minimum[lane];
      extents.maximum[lane] = x > extents.maximum[lane] ? x : extents.maximum[lane];
    }
  }
}

template void add_extents(const Run<double>&, Extents<double>&);
template void add_extents(const Run<float>&, Extents<float>&);
template void add_extents(const Run<Float16>&, Extents<float>&);
template void add_extents(const Run<BFloat16>&, Extents<float>&);
template void add_extents(const Run<Float8E4M3FN>&, Extents<float>&);
template void add_extents(const Run<Float8E5M2>&, Extents<float>&);

const Kernels& scalar_kernels() {
  static const Kernels table = {Isa::kScalar,
                                nullptr,
                                storage_kernels<double>(),
                                storage_kernels<float>(),
                                storage_kernels<Float16>(),
                                storage_kernels<BFloat16>(),
                                storage_kernels<Float8E4M3FN>(),
                                storage_kernels<Float8E5M2>()};
  return table;
}

const Kernels& current_kernels() {
  switch (current_isa()) {
#ifdef IGFAST_HAVE_X86_ISAS
    case Isa::kAvx512: return avx512_kernels();
    case Isa::kAvx2: return avx2_kernels();
#endif
    default: return scalar_kernels();
  }
}

}  // namespace igfast
