// Uniform bins by the rules of fixed_pairs.h. Included by the ISA files only, within which it must
// stay: everything here is in an unnamed namespace.
#ifndef IGFAST_CPU_UNIFORM_PAIRS_H
#define IGFAST_CPU_UNIFORM_PAIRS_H

#include <algorithm>
#include <cstdint>

#include "cpu/fixed_pairs.h"
#include "dtype.h"
#include "grid.h"

namespace igfast {
namespace {

// Zero, so frequent a value that it is not left in doubt where an edge is near: units inside its
// cell.
inline Ints units_of_zero(const UniformRule<float>& rule) {
  int bin = -1;
  while (bin < rule.bins && rule.thresholds[bin + 1] <= 0.0f) {
    ++bin;
  }
  const int cell = bin + static_cast<int>(kFirstBinCell);
  return ints(cell * static_cast<int>(kFixedUnit) + static_cast<int>(kFixedUnit) / 2);
}

// A raised guess, in units.
template <bool kFar>
class Guess {
 public:
  explicit Guess(const UniformRule<float>& rule)
      : low_(floats(of(rule).low)),
        scale_(floats(rule.scale * kFixedUnit)),
        offset_(floats(of(rule).offset * kFixedUnit)) {}

  static const RaisedGuess<float>& of(const UniformRule<float>& rule) {
    return kFar ? rule.far : rule.near;
  }

  Floats operator()(Floats x) const {
    return multiply_add(kFar ? sub(x, low_) : x, scale_, offset_);
  }

 private:
  Floats low_, scale_, offset_;
};

// Uniform bins. In doubt near a bin's lower end, and NaN; with `kZero`, zero would be.
template <bool kFar, bool kZero>
class UniformPairs {
 public:
  static bool holds(const UniformRule<float>& rule) {
    const bool prefers_far = rule.far.early < rule.near.early;
    return prefers_far == kFar && Guess<kFar>::of(rule).early < 0.0625f &&
           (kFar || zero_is_near_edge(rule) == kZero);
  }

  explicit UniformPairs(const UniformRule<float>& rule)
      : guess_(rule),
        overflow_(shorts(overflow_cell(rule.bins))),
        zero_(kZero ? units_of_zero(rule) : ints(0)),
        doubt_(doubt(rule)) {}

  template <class T>
  void watch(const T*) {}

  Ints operator()(Floats x, Floats y) {
    const PairHalves pairs(units(x), units(y));
    least_rest_ = min_shorts(least_rest_, pairs.lower);
    return inside(pairs.upper, overflow_);
  }

  bool in_doubt() const { return any_short_below(least_rest_, doubt_); }

  void trust() { least_rest_ = ints(-1); }

 private:
  static int doubt(const UniformRule<float>& rule) {
    return static_cast<int>(Guess<kFar>::of(rule).early * kFixedUnit + 0.5f) + 1;
  }

  static bool zero_is_near_edge(const UniformRule<float>& rule) {
    const float guess = rule.near.offset;
    const float rest = (guess - __builtin_floorf(guess)) * kFixedUnit;
    return guess >= static_cast<float>(kUnderflowCell) &&
           guess <= static_cast<float>(overflow_cell(rule.bins) + 1) &&
           (rest < static_cast<float>(doubt(rule)) || rest > kFixedUnit - 1.0f);
  }

  // What no integer holds becomes the smallest, whose lower half is in doubt.
  Ints units(Floats x) const {
    const Ints guess = nearest(guess_(x));
    if constexpr (kZero) {
      return where_zero(x, zero_, guess);
    } else {
      return guess;
    }
  }

  Guess<kFar> guess_;
  Ints overflow_, zero_;
  Ints least_rest_ = ints(-1);
  int doubt_;
};

// Uniform bins, values of at most 11 significant bits: the raised guess is right, but for ties. NaN
// is in doubt, and what is far outside; with `kNearZero` also what is near zero, as the stored bits
// say. `kTies` at least those of the rule.
template <class T, Ties kTies, bool kNearZero>
class NarrowPairs {
 public:
  static bool holds(const UniformRule<float>& rule) {
    // `least_bits` knows no bound beyond the largest value.
    const float largest = widen(T{static_cast<decltype(T::bits)>(kLargest)});
    return rule.narrow_doubt < __builtin_inff() && rule.narrow_doubt <= largest &&
           rule.ties <= kTies && (rule.ties != Ties::kSome || TieCells::hold(rule, tie(rule))) &&
           (rule.narrow_doubt > 0.0f) == kNearZero;
  }

  explicit NarrowPairs(const UniformRule<float>& rule)
      : guess_(rule),
        last_(floats((static_cast<float>(overflow_cell(rule.bins)) - 0.5f) * kFixedUnit)),
        beyond_(floats(rule.thresholds[rule.bins])),
        overflow_(shorts(overflow_cell(rule.bins))),
        ties_(rule, tie(rule)),
        zero_(kNearZero ? units_of_zero(rule) : ints(0)),
        near_zero_(kNearZero ? std::max(least_bits(rule.narrow_doubt) - 1, 1) : 0) {}

  void watch(const T* values) {
    if constexpr (kNearZero) {
      const Ints magnitude = both(load_bits(values), shorts(kMagnitude));
      nearest_ = min_shorts(nearest_, sub_shorts(magnitude, shorts(1)));  // zero is no more
    }
  }

  Ints operator()(Floats x, Floats y) {
    const PairHalves pairs(units(x), units(y));
    smallest_ = min(smallest_, pairs.less);
    Ints cells = pairs.upper;
    if constexpr (kTies == Ties::kSome) {  // keeps the order of a pair
      cells = ties_.lowered(cells, pairs.rests());
    }
    return inside(cells, overflow_);
  }

  bool in_doubt() const {
    if constexpr (kNearZero) {
      if (any_short_below(nearest_, near_zero_)) {
        return true;
      }
    }
    return any_smallest(smallest_);
  }

  void trust() {
    nearest_ = ints(-1);
    smallest_ = ints(0);
  }

 private:
  static constexpr int kMagnitude = (1 << (8 * sizeof(T) - 1)) - 1;
  static constexpr int kLargest = largest_bits(TypeTag<T>{});

  static int tie(const UniformRule<float>& rule) {
    return static_cast<int>(rule.narrow_tie * kFixedUnit + 0.5f);
  }

  // Of the smallest magnitude that reaches `bound`.
  static int least_bits(float bound) {
    int least = 0;
    for (int most = kLargest; least < most;) {
      const int middle = (least + most) / 2;
      if (widen(T{static_cast<decltype(T::bits)>(middle)}) < bound) {
        least = middle + 1;
      } else {
        most = middle;
      }
    }
    return least;
  }

  Ints units(Floats x) const {
    const Ints guess = guess_of(x);
    if constexpr (kNearZero) {
      return where_zero(x, zero_, guess);
    } else {
      return guess;
    }
  }

  Ints guess_of(Floats x) const {
    const Floats guess = guess_(x);
    if constexpr (kTies == Ties::kLastEdge) {  // clamped half way between integers
      const Ints cell = nearest(at_most(guess, last_));
      return add_where_at_least(cell, x, beyond_, ints(static_cast<int>(kFixedUnit)));
    } else {
      return nearest(guess);
    }
  }

  Guess<false> guess_;
  Floats last_, beyond_;
  Ints overflow_;
  TieCells ties_;
  Ints zero_;
  int near_zero_;
  Ints nearest_ = ints(-1);
  Ints smallest_ = ints(0);
};

}  // namespace
}  // namespace igfast

#endif
