// Loops that count into words, the same for every vector ISA, over its placers and place_group,
// which are included first. Included by the ISA files only, within which it must stay: everything
// here is in an unnamed namespace.
#ifndef IGFAST_CPU_WORD_LOOPS_H
#define IGFAST_CPU_WORD_LOOPS_H

#include "cpu/kernels.h"
#include "cpu/word_groups.h"

namespace igfast {
namespace {

// Loops are flattened: compilers stop inlining in a file of this many.

template <bool kInTurn, class Placer, class T, class Word>
[[gnu::flatten]] inline void count_lanes(Placer& placer, const Run<T>& run, Word* words) {
  SubHistograms sub{};
  const auto place = [&](std::int32_t first, WordGroup<Word>& group, const auto& between) {
    if (starts_block(first)) {
      sub = sub_histograms(rotation(run.block, first));
    }
    prefetch_ahead(run.values + first, kPrefetch);
    place_group(placer, run.values + first, sub, group, between);
  };
  if constexpr (kInTurn) {
    count_groups_in_turn(run.size, words, place);
  } else {
    count_groups(run.size, words, place);
  }
}

// Compares with the table only where the guess may be wrong: seldom, or often (values that sit on
// edges, very many bins), when a block gives up guessing after
// `block_patience` groups.
template <class Guess, class T>
[[gnu::flatten]] inline void count_guessed(const UniformRule<Widened<T>>& rule, const Run<T>& run,
                                           std::uint32_t* words, int block_patience) {
  const UniformLanes<Widened<T>> exact(rule);
  SubHistograms sub{};
  int patience = 0;
  const auto place = [&](std::int32_t first, WordGroup<std::uint32_t>& group, Nothing nothing) {
    if (starts_block(first)) {
      sub = sub_histograms(rotation(run.block, first));
      patience = block_patience;
    }
    const T* values = run.values + first;
    prefetch_ahead(values, kPrefetch);
    if (patience > 0) {
      Guess guess(rule);
      place_group(guess, values, sub, group, nothing);
      if (!guess.in_doubt()) {
        return;
      }
      --patience;
    }
    place_group(exact, values, sub, group, nothing);
  };
  count_groups(run.size, words, place);
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
  } else if (rule.ties == Ties::kSome) {
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
  auto operator()(Lanes x) {
    watcher.add(x);
    return placer(x);
  }
};

// What was watched of a run, unless something was not finite.
template <class T>
void add_extremes(const ExtremeLanes<Widened<T>>& extremes, const Run<T>& run,
                  Extents<Widened<T>>& extents) {
  if (extremes.finite()) {
    extremes.store(extents);
  } else {
    add_extents(run, extents);
  }
}

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
    count_lanes<false>(placer, run, words);
  } else {
    Watched<Placer, ExtremeLanes<Widened<T>>> watched{Placer(rule), {}};
    count_lanes<false>(watched, run, words);
    add_extremes(watched.watcher, run, *extents);
  }
}

template <bool kShifted, class T>
bool count_dyadic_moment_lanes(const DyadicRule& rule, const Run<T>& run, std::uint64_t* words,
                               MomentSums& sums) {
  using Placer = DyadicLanes<Widened<T>>;
  using Watcher = MomentLanes<Widened<T>, kShifted>;
  Watched<Placer, Watcher> watched{Placer(rule), Watcher(sums)};
  count_lanes<true>(watched, run, words);
  return watched.watcher.store(sums, run.size);
}

template <class T>
bool count_dyadic_moments(const DyadicRule& rule, const Run<T>& run, std::uint64_t* words,
                          MomentSums& sums) {
  if (!DyadicLanes<Widened<T>>::holds(rule)) {
    scalar_kernels().of(TypeTag<T>{}).dyadic_digits(rule, run, words, nullptr);
    return add_moments(run, sums);
  }
  return sums.shift == 0.0 ? count_dyadic_moment_lanes<false>(rule, run, words, sums)
                           : count_dyadic_moment_lanes<true>(rule, run, words, sums);
}

template <class T, class Word>
void count_log(const LogRule& rule, const Run<T>& run, Word* words) {
  if (LogLanes<Widened<T>>::holds(rule)) {
    const LogLanes<Widened<T>> placer(rule);
    count_lanes<false>(placer, run, words);
  } else if constexpr (sizeof(Word) == sizeof(std::uint64_t)) {
    scalar_kernels().of(TypeTag<T>{}).log_digits(rule, run, words);
  } else {
    scalar_kernels().of(TypeTag<T>{}).log(rule, run, words);
  }
}

}  // namespace
}  // namespace igfast

#endif
