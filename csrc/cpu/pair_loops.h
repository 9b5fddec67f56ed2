// Loops that count pairs, the same for every vector ISA, over its lanes and placers, which are
// included first. Included by the ISA files only, within which it must stay: everything here is in
// an unnamed namespace.
#ifndef IGFAST_CPU_PAIR_LOOPS_H
#define IGFAST_CPU_PAIR_LOOPS_H

#include <type_traits>

#include "cpu/fixed_pairs.h"
#include "cpu/kernels.h"
#include "cpu/uniform_pairs.h"
#include "cpu/word_loops.h"

namespace igfast {
namespace {

// Values that nobody watches.
struct Unwatched {
  template <class Lanes>
  void add(Lanes) {}
};

// Places in fixed point. What was in doubt is counted as guessed, and afterwards placed again with
// `Exact`: a guess is seldom wrong. Where most groups are doubtful, the next batches are left to
// `Exact`. Where doubt is rare, a block is asked for it at once; else each group.
template <class Fixed, class Exact, class Rule, class T, class Watcher>
class FixedBlocks {
 public:
  FixedBlocks(const Rule& rule, const Run<T>& run)
      : values_(run.values), fixed_(rule), exact_(rule) {}

  const Watcher& watcher() const { return watcher_; }

  // Whether this batch is left to `Exact`.
  bool needs_exact() const { return rest_ > 0; }

  template <bool kExact, class Index>
  void place(std::int32_t first, Index* indices) {
    const T* values = values_ + first;
    prefetch_ahead(values, kPrefetchOfPairs);
    for (int j = 0; j < kGroupValues; j += kPairLanes) {
      watcher_.add(load_lanes(values + j));
    }
    if constexpr (kExact) {
      place_cells(exact_, values, indices);
    } else {
      place_fixed(fixed_, values, indices);
      if constexpr (kAsksGroups<Index>) {
        note_doubt(first + kGroupValues);
      }
    }
  }

  // Of the values noted_ .. end - 1, of one batch.
  void note_doubt(std::int32_t end) {
    const std::int32_t groups = (end - noted_) / kGroupValues;
    if (groups == 0) {  // asked one by one
      return;
    }
    const std::uint64_t all = ~std::uint64_t{0} >> (kBatchGroups - groups);
    doubtful_ |= fixed_.in_doubt() ? all << (noted_ - batch_) / kGroupValues : 0;
    noted_ = end;
    fixed_.trust();
  }

  template <class Counter>
  void end_batch(const Counter& counter, std::int32_t end) {
    rest_ -= rest_ > 0 ? 1 : 0;
    if (doubtful_ != 0) {
      // Of a copy: what is called by reference does not stay in registers.
      const std::int32_t doubtful_values = kGroupValues * FixedBlocks(*this).correct(counter);
      rest_ = 2 * doubtful_values > end - batch_ ? kRestBatches : rest_;
      doubtful_ = 0;
    }
    batch_ = noted_ = end;
  }

  template <class Index>
  int alike(const Index* indices) const {
    return alike_of_64(indices);
  }

 private:
  static constexpr std::int32_t kRestBatches = 7;

  // Returns how many groups were in doubt.
  template <class Counter>
  [[gnu::noinline]] int correct(Counter counter) {
    using Index = typename Counter::Index;
    int groups = 0;
    for (; doubtful_ != 0; doubtful_ &= doubtful_ - 1) {
      const T* values = values_ + batch_ + __builtin_ctzll(doubtful_) * kGroupValues;
      alignas(64) Index guessed[kGroupValues / kIndexValues<Index>];
      alignas(64) Index right[kGroupValues / kIndexValues<Index>];
      fixed_.trust();
      place_fixed(fixed_, values, guessed);
      if (fixed_.in_doubt()) {
        ++groups;
        place_cells(exact_, values, right);
        for (std::uint32_t wrong = unlike(guessed, right); wrong != 0; wrong &= wrong - 1) {
          const int j = __builtin_ctz(wrong);
          counter.move(guessed[j], right[j]);
        }
      }
    }
    return groups;
  }

  // Many bins are narrow beside the spacing of floats.
  template <class Index>
  static constexpr bool kAsksGroups = sizeof(Index) == 2;

  const T* values_;
  Fixed fixed_;
  Exact exact_;
  Watcher watcher_;
  std::int32_t batch_ = 0;  // its first value
  std::int32_t noted_ = 0;
  std::uint64_t doubtful_ = 0;  // a bit for each group of the batch
  std::int32_t rest_ = 0;       // batches
};

// `counters` are Pairs or Singles.
inline PairCounter counter_of(Pairs& pairs) { return PairCounter(pairs); }
inline SingleCounter counter_of(Singles& singles) { return SingleCounter(singles); }

// Returns what a Watcher made of the values.
template <class Fixed, class Exact, class Watcher, class Rule, class T, class Counters>
[[gnu::flatten]] inline Watcher count_fixed(const Rule& rule, const Run<T>& run,
                                            Counters& counters) {
  FixedBlocks<Fixed, Exact, Rule, T, Watcher> blocks(rule, run);
  count_blocks(run.size, counter_of(counters), blocks);
  return blocks.watcher();
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
    count_fixed<Fixed, Exact, Unwatched>(rule, run, counters);
  }
  return holds;
}

template <class T, class Counters>
void count_uniform_fixed(const UniformRule<Widened<T>>& rule, const Run<T>& run,
                         Counters& counters) {
  bool counted = false;
  if constexpr (std::is_same_v<T, float>) {
    counted = try_uniform<UniformPairs<false, false>>(rule, run, counters) ||
              try_uniform<UniformPairs<false, true>>(rule, run, counters) ||
              try_uniform<UniformPairs<true, false>>(rule, run, counters);
  } else if constexpr (kFixed<T> && std::is_same_v<Counters, Pairs>) {
    counted = try_uniform<NarrowPairs<T, Ties::kNone, false>>(rule, run, counters) ||
              try_uniform<NarrowPairs<T, Ties::kLastEdge, false>>(rule, run, counters) ||
              try_uniform<NarrowPairs<T, Ties::kSome, false>>(rule, run, counters) ||
              try_uniform<NarrowPairs<T, Ties::kNone, true>>(rule, run, counters) ||
              try_uniform<NarrowPairs<T, Ties::kLastEdge, true>>(rule, run, counters) ||
              try_uniform<NarrowPairs<T, Ties::kSome, true>>(rule, run, counters);
  } else if constexpr (kFixed<T>) {  // of more bins no ties are known
    counted = try_uniform<NarrowPairs<T, Ties::kLastEdge, false>>(rule, run, counters) ||
              try_uniform<NarrowPairs<T, Ties::kLastEdge, true>>(rule, run, counters);
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
        count_fixed<DyadicPairs, Exact, Unwatched>(rule, run, pairs);
      } else {
        using Extremes = ExtremeLanes<float>;
        add_extremes(count_fixed<DyadicPairs, Exact, Extremes>(rule, run, pairs), run, *extents);
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
      count_fixed<LogPairs, Exact, Unwatched>(rule, run, pairs);
      return;
    }
  }
  count_log(rule, run, pairs.words);
}

}  // namespace
}  // namespace igfast

#endif
