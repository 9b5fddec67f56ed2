// Loops that count pairs, the same for every vector ISA, over its lanes and placers, which are
// included first. Included by the ISA files only, within which it must stay: everything here is in
// an unnamed namespace.
#ifndef IGFAST_CPU_PAIR_LOOPS_H
#define IGFAST_CPU_PAIR_LOOPS_H

#include <type_traits>

#include "cpu/fixed_pairs.h"
#include "cpu/kernels.h"
#include "cpu/word_loops.h"

namespace igfast {
namespace {

// Values that nobody watches.
struct Unwatched {
  template <class Lanes>
  void add(Lanes) {}
};

// Places in fixed point, and in doubtful groups with `Exact`, when the block is done. Where doubt
// is rare the block is asked once, and its groups when it was in doubt; else each group. Where most
// are doubtful, the next blocks are left to `Exact`.
template <class Fixed, class Exact, class Rule, class T, class Watcher>
class FixedBlocks {
 public:
  FixedBlocks(const Rule& rule, const Run<T>& run, Watcher& watcher)
      : rule_(rule), values_(run.values), fixed_(rule), exact_(rule), watcher_(watcher) {}

  void start() {
    fixed_.trust();
    doubtful_ = 0;
  }

  template <class Index>
  void place(std::int32_t first, Index* indices) {
    const T* values = values_ + first;
    prefetch_ahead(values, kPrefetchOfPairs);
    for (int j = 0; j < kGroupValues; j += kPairLanes) {
      watcher_.add(load_lanes(values + j));
    }
    if (rest_ > 0) {
      place_cells(exact_, values, indices);
      return;
    }
    place_fixed(fixed_, values, indices);
    if constexpr (kAsksGroups<Index>) {
      note_doubt(first);
    }
  }

  template <class Index>
  void finish(std::int32_t first, std::int32_t values, Index* indices) {
    if (rest_ > 0) {
      --rest_;
      return;
    }
    if constexpr (!kAsksGroups<Index>) {
      if (fixed_.in_doubt()) {
        fixed_.trust();
        for (std::int32_t j = first; j < first + values; j += kGroupValues) {
          place_fixed(fixed_, values_ + j, indices + (j - first) / kIndexValues<Index>);
          note_doubt(j);
        }
      }
    }
    const std::int32_t groups = __builtin_popcount(doubtful_);
    rest_ = 2 * groups * kGroupValues > values ? kRestBlocks : 0;
    for (; doubtful_ != 0; doubtful_ &= doubtful_ - 1) {
      const std::int32_t group = __builtin_ctz(doubtful_) - first / kGroupValues % kMostGroups;
      const std::int32_t j = group * kGroupValues;
      place_cells(exact_, values_ + first + j, indices + j / kIndexValues<Index>);
    }
  }

  template <class Index>
  int alike(const Index* indices) const {
    return alike_pairs(indices);
  }

 private:
  static constexpr std::int32_t kRestBlocks = 7;

  // Many bins are narrow beside the spacing of floats.
  template <class Index>
  static constexpr bool kAsksGroups = Fixed::kOftenInDoubt || sizeof(Index) == 2;

  void note_doubt(std::int32_t first) {
    doubtful_ |= std::uint32_t{fixed_.in_doubt()} << (first / kGroupValues % kMostGroups);
    fixed_.trust();
  }

  const Rule& rule_;
  const T* values_;
  Fixed fixed_;
  Exact exact_;
  Watcher& watcher_;
  std::uint32_t doubtful_ = 0;  // a bit for each group
  std::int32_t rest_ = 0;
};

// `counters` are Pairs or Singles.
inline PairCounter counter_of(Pairs& pairs) { return PairCounter(pairs); }
inline SingleCounter counter_of(Singles& singles) { return SingleCounter(singles); }

template <class Fixed, class Exact, class Rule, class T, class Counters, class Watcher>
[[gnu::flatten]] inline void count_fixed(const Rule& rule, const Run<T>& run, Counters& counters,
                                         Watcher& watcher) {
  FixedBlocks<Fixed, Exact, Rule, T, Watcher> blocks(rule, run, watcher);
  count_blocks(run.size, counter_of(counters), blocks);
}

// Doubles, and what does not hold, count into the words.
template <class T>
constexpr bool kFixed = sizeof(Widened<T>) == sizeof(float);

// False if nothing was counted: the rule does not hold in fixed point.
template <class Fixed, class T, class Counters>
bool try_uniform(const UniformRule<float>& rule, const Run<T>& run, Counters& counters) {
  using Exact = UniformLanes<float>;
  const bool holds = Exact::holds(rule) && Fixed::holds(rule);
  if (holds) {
    Unwatched unwatched;
    count_fixed<Fixed, Exact>(rule, run, counters, unwatched);
  }
  return holds;
}

template <class T, class Counters>
void count_uniform_fixed(const UniformRule<Widened<T>>& rule, const Run<T>& run,
                         Counters& counters) {
  bool counted = false;
  if constexpr (std::is_same_v<T, float>) {
    counted = try_uniform<UniformPairs>(rule, run, counters);
  } else if constexpr (kFixed<T>) {
    counted = try_uniform<NarrowPairs<T, false>>(rule, run, counters) ||
              try_uniform<NarrowPairs<T, true>>(rule, run, counters);
  }
  if (!counted) {
    count_uniform(rule, run, counters.words);
  }
}

template <class T>
void count_dyadic_pairs(const DyadicRule& rule, const Run<T>& run, Pairs& pairs,
                        Extents<Widened<T>>* extents) {
  if constexpr (kFixed<T>) {
    using Exact = DyadicLanes<float>;
    if (Exact::holds(rule) && DyadicPairs::holds(rule)) {
      if (extents == nullptr) {
        Unwatched unwatched;
        count_fixed<DyadicPairs, Exact>(rule, run, pairs, unwatched);
      } else {
        ExtremeLanes<float> extremes;
        count_fixed<DyadicPairs, Exact>(rule, run, pairs, extremes);
        add_extremes(extremes, run, *extents);
      }
      return;
    }
  }
  count_dyadic(rule, run, pairs.words, extents);
}

template <class T>
void count_log_pairs(const LogRule& rule, const Run<T>& run, Pairs& pairs) {
  if constexpr (kFixed<T>) {
    using Exact = LogLanes<float>;
    if (Exact::holds(rule) && LogPairs::holds(rule)) {
      Unwatched unwatched;
      count_fixed<LogPairs, Exact>(rule, run, pairs, unwatched);
      return;
    }
  }
  count_log(rule, run, pairs.words);
}

}  // namespace
}  // namespace igfast

#endif
