// AVX2 loops. This file alone is compiled for AVX2 and F16C: it must define nothing that the
// linker could share with other files, so it calls no inline function of a header but intrinsics.
#include <immintrin.h>

#include "cpu/kernels.h"
#include "cpu/lanes_avx2.h"
#include "cpu/place_avx2.h"
#include "cpu/sums_avx2.h"
#include "cpu/word_groups.h"

namespace igfast {
namespace {

// Sub-histograms of eight lanes.
inline __m256i sub_histograms(std::uint32_t rotation) {
  const __m256i lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
  const __m256i turned = _mm256_add_epi32(lane, _mm256_set1_epi32(static_cast<int>(rotation)));
  return _mm256_and_si256(turned, _mm256_set1_epi32(7));
}

// Places 32 values, placer(lanes) -> PlacedLanes for eight.
template <class Placer, class T, class Word>
inline void place_group(Placer& placer, const T* values, __m256i sub, WordGroup<Word>& group) {
  for (std::int32_t j = 0; j < kWordGroup; j += 8) {
    const PlacedLanes placed = placer(load_lanes(values + j));
    const __m256i index = _mm256_add_epi32(_mm256_slli_epi32(placed.cell, 3), sub);
    _mm256_store_si256(reinterpret_cast<__m256i*>(group.indices + j), index);
    if constexpr (sizeof(Word) == sizeof(std::uint64_t)) {
      const __m256i one = _mm256_set1_epi32(static_cast<int>(std::uint32_t{1} << kDigitBits));
      const __m256i increment = _mm256_or_si256(placed.digit, one);
      _mm256_store_si256(reinterpret_cast<__m256i*>(group.increments + j), increment);
    }
  }
}

template <class Placer, class T, class Word>
inline void count_lanes(Placer& placer, const Run<T>& run, Word* words) {
  __m256i sub{};
  count_groups(run.size, words, [&](std::int32_t first, WordGroup<Word>& group) {
    if (starts_block(first)) {
      sub = sub_histograms(rotation(run.block, first));
    }
    prefetch_ahead(run.values + first);
    place_group(placer, run.values + first, sub, group);
  });
}

// Compares with the table only where the guess may be wrong: seldom, or often (values that sit on
// edges, very many bins), when a block gives up guessing after
// `block_patience` groups.
template <class Guess, class T>
inline void count_guessed(const UniformRule<Widened<T>>& rule, const Run<T>& run,
                          std::uint32_t* words, int block_patience) {
  const UniformLanes<Widened<T>> exact(rule);
  __m256i sub{};
  int patience = 0;
  count_groups(run.size, words, [&](std::int32_t first, WordGroup<std::uint32_t>& group) {
    if (starts_block(first)) {
      sub = sub_histograms(rotation(run.block, first));
      patience = block_patience;
    }
    const T* values = run.values + first;
    prefetch_ahead(values);
    if (patience > 0) {
      Guess guess(rule);
      place_group(guess, values, sub, group);
      if (!guess.in_doubt()) {
        return;
      }
      --patience;
    }
    place_group(exact, values, sub, group);
  });
}

template <class T>
void count_uniform(const UniformRule<Widened<T>>& rule, const Run<T>& run, std::uint32_t* words) {
  using V = Widened<T>;
  constexpr int kPatience = 2;
  if (!UniformLanes<V>::holds(rule)) {
    scalar_kernels().of(TypeTag<T>{}).uniform(rule, run, words);
  } else if constexpr (sizeof(T) == sizeof(V)) {
    count_guessed<GuessLanes<V>>(rule, run, words, kPatience);
  } else if (rule.narrow_doubt == __builtin_inff()) {
    count_guessed<NarrowGuessLanes<false>>(rule, run, words, 0);
  } else if (rule.has_ties) {
    count_guessed<NarrowGuessLanes<true>>(rule, run, words, kPatience);
  } else {
    count_guessed<NarrowGuessLanes<false>>(rule, run, words, kPatience);
  }
}

// Passes every value by a watcher (extremes, moments) on its way to the placer.
template <class Placer, class Watcher>
struct Watched {
  Placer placer;
  Watcher watcher;

  template <class Lanes>
  PlacedLanes operator()(Lanes x) {
    watcher.add(x);
    return placer(x);
  }
};

template <class T, class Word>
void count_dyadic(const DyadicRule& rule, const Run<T>& run, Word* words,
                  Extents<Widened<T>>* extents) {
  using Placer = DyadicLanes<Widened<T>>;
  if (!Placer::holds(rule)) {
    if constexpr (sizeof(Word) == sizeof(std::uint64_t)) {
      scalar_kernels().of(TypeTag<T>{}).dyadic_digits(rule, run, words, extents);
    } else {
      scalar_kernels().of(TypeTag<T>{}).dyadic(rule, run, words, extents);
    }
  } else if (extents == nullptr) {
    const Placer placer(rule);
    count_lanes(placer, run, words);
  } else {
    Watched<Placer, ExtremeLanes<Widened<T>>> watched{Placer(rule), {}};
    count_lanes(watched, run, words);
    if (watched.watcher.finite()) {
      watched.watcher.store(*extents);
    } else {
      add_extents(run, *extents);
    }
  }
}

template <class T>
bool count_dyadic_moments(const DyadicRule& rule, const Run<T>& run, std::uint64_t* words,
                          MomentSums& sums) {
  using Placer = DyadicLanes<Widened<T>>;
  if (!Placer::holds(rule)) {
    scalar_kernels().of(TypeTag<T>{}).dyadic_digits(rule, run, words, nullptr);
    return add_moments(run, sums);
  }
  using Watcher = MomentLanes<Widened<T>>;
  Watched<Placer, Watcher> watched{Placer(rule), Watcher(sums)};
  count_lanes(watched, run, words);
  return watched.watcher.store(sums, run.size);
}

template <class T, class Word>
void count_log(const LogRule& rule, const Run<T>& run, Word* words) {
  if (LogLanes<Widened<T>>::holds(rule)) {
    const LogLanes<Widened<T>> placer(rule);
    count_lanes(placer, run, words);
  } else if constexpr (sizeof(Word) == sizeof(std::uint64_t)) {
    scalar_kernels().of(TypeTag<T>{}).log_digits(rule, run, words);
  } else {
    scalar_kernels().of(TypeTag<T>{}).log(rule, run, words);
  }
}

template <class T>
constexpr StorageKernels<T> storage_kernels() {
  return {count_uniform<T>,
          count_dyadic<T, std::uint32_t>,
          count_dyadic<T, std::uint64_t>,
          count_log<T, std::uint32_t>,
          count_log<T, std::uint64_t>,
          add_moments<T>,
          count_dyadic_moments<T>};
}

}  // namespace

const Kernels& avx2_kernels() {
  static const Kernels table = {Isa::kAvx2,
                                storage_kernels<double>(),
                                storage_kernels<float>(),
                                storage_kernels<Float16>(),
                                storage_kernels<BFloat16>(),
                                storage_kernels<Float8E4M3FN>(),
                                storage_kernels<Float8E5M2>()};
  return table;
}

}  // namespace igfast
