// The rules of grid.h for counts alone, in fixed point, on two registers of floats at a time; what
// they cannot decide they say: since trust(), some value was in doubt. The cells of whatever values
// are cells of the table, the larger of a pair first. Over the operations of a vector ISA, which is
// included first. Included by the ISA files only, within which it must stay: everything here is in
// an unnamed namespace.
#ifndef IGFAST_CPU_FIXED_PAIRS_H
#define IGFAST_CPU_FIXED_PAIRS_H

#include <algorithm>
#include <cstdint>

#include "cpu/pair_blocks.h"
#include "dtype.h"
#include "grid.h"

namespace igfast {
namespace {

constexpr float kFixedUnit = 65536;  // 2^-16 bins: the upper half of an integer is the bin
constexpr std::uint32_t kInfinityBits = 0x7f800000;

// Two integers of which the upper halves are the cells: those, the larger first, and the lower
// halves, that of the larger last.
struct PairHalves {
  Ints less;  // of the two
  Ints upper, lower;

  PairHalves(Ints a, Ints b) : less(min(a, b)) {
    const Ints larger = max(a, b);
    const Ints other = swapped(less);
    upper = halves(larger, other);
    lower = halves(other, larger);
  }
};

// Cells as they go into a table: any from underflow to overflow, whatever `cells` are.
inline Ints inside(Ints cells, Ints overflow) {
  return max_signed_shorts(min_signed_shorts(cells, overflow),
                           shorts(static_cast<int>(kUnderflowCell)));
}

inline int overflow_cell(int bins) { return bins + static_cast<int>(kFirstBinCell); }

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
           rule.ties <= kTies && (rule.narrow_doubt > 0.0f) == kNearZero;
  }

  explicit NarrowPairs(const UniformRule<float>& rule)
      : guess_(rule),
        last_(floats((static_cast<float>(overflow_cell(rule.bins)) - 0.5f) * kFixedUnit)),
        beyond_(floats(rule.thresholds[rule.bins])),
        overflow_(shorts(overflow_cell(rule.bins))),
        tie_(static_cast<int>(rule.narrow_tie * kFixedUnit)),
        ties_(rule.narrow_ties),
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
      cells = ties_.less_one_where(cells, swapped(pairs.lower), tie_);
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
      const Ints cell = floor_of(at_most(guess, last_));
      return add_where_at_least(cell, x, beyond_, ints(static_cast<int>(kFixedUnit)));
    } else {
      return floor_of(guess);
    }
  }

  Guess<false> guess_;
  Floats last_, beyond_;
  Ints overflow_;
  int tie_;
  BinBits ties_;
  Ints zero_;
  int near_zero_;
  Ints nearest_ = ints(-1);
  Ints smallest_ = ints(0);
};

// Dyadic bins, exactly; NaN and what is far outside is in doubt.
class DyadicPairs {
 public:
  static bool holds(const DyadicRule& rule) {
    constexpr std::int64_t kFarthest = std::int64_t{1} << 14;  // halves hold the cells
    const int power = kUnitBits - rule.exponent;
    return power >= 0 && power <= 127 && rule.origin >= -kFarthest &&
           rule.origin + rule.bins <= kFarthest;
  }

  explicit DyadicPairs(const DyadicRule& rule)
      : scale_(floats(power_of_two(kUnitBits - rule.exponent))),
        first_(static_cast<int>(kFirstBinCell - rule.origin)),
        overflow_(shorts(overflow_cell(rule.bins))) {}

  template <class T>
  void watch(const T*) {}

  Ints operator()(Floats x, Floats y) {
    const PairHalves pairs(units_from(x, scale_, first_), units_from(y, scale_, first_));
    smallest_ = min(smallest_, pairs.less);
    return inside(cells_from(pairs.upper, first_), overflow_);
  }

  bool in_doubt() const { return any_smallest(smallest_); }

  void trust() { smallest_ = ints(0); }

 private:
  static constexpr int kUnitBits = 16;

  static float power_of_two(int exponent) {
    const std::uint32_t bits = static_cast<std::uint32_t>(exponent + 127) << 23;
    float power;
    __builtin_memcpy(&power, &bits, sizeof power);
    return power;
  }

  Floats scale_;
  int first_;
  Ints overflow_;
  Ints smallest_ = ints(0);
};

// Log bins of the whole axis, exactly; NaN is in doubt.
class LogPairs {
 public:
  static bool holds(const LogRule& rule) {
    // A normal 2^min_exponent, infinity beyond the grid, no window.
    return rule.min_exponent > -kBias && rule.first_bin == 0 && rule.bins == 2 * rule.half + 1 &&
           rule.half >> rule.mantissa_bits <= kBias + 1 - rule.min_exponent;
  }

  explicit LogPairs(const LogRule& rule)
      : drop_(kMantissaBits + 1 - rule.mantissa_bits),
        inmost_(ints(((rule.min_exponent + kBias) << rule.mantissa_bits) - 1)),
        beyond_(ints(rule.half + 1)),
        center_(shorts(rule.half + static_cast<int>(kFirstBinCell))) {}

  template <class T>
  void watch(const T*) {}

  Ints operator()(Floats x, Floats y) {
    const Ints a = outward(x);
    const Ints b = outward(y);
    return add_shorts(halves(left<16>(max(a, b)), min(a, b)), center_);
  }

  bool in_doubt() const { return any_above_unsigned(largest_, kInfinityBits << 1); }

  void trust() { largest_ = ints(0); }

 private:
  static constexpr int kBias = 127;
  static constexpr int kMantissaBits = 23;

  // Bins outwards from the central one, which is 0.
  Ints outward(Floats x) {
    const Ints magnitude = left<1>(bits(x));
    largest_ = max_unsigned(largest_, magnitude);
    const Ints bin = sub(right(magnitude, drop_), inmost_);
    return with_sign_of(x, min(max(bin, ints(0)), beyond_));
  }

  int drop_;
  Ints inmost_, beyond_, center_;
  Ints largest_ = ints(0);
};

inline void store(Ints cells, std::uint32_t* pairs) { store_pairs(cells, pairs); }
inline void store(Ints cells, std::uint16_t* singles) { store_cells(cells, singles); }

template <class Index>
constexpr int kIndexValues = sizeof(Index) == sizeof(std::uint32_t) ? 2 : 1;

// A group of values.
template <class Fixed, class T, class Index>
inline void place_fixed(Fixed& fixed, const T* values, Index* indices) {
  for (int j = 0; j < kGroupValues; j += 2 * kPairLanes) {
    fixed.watch(values + j);
    const auto [x, y] = load_pairs(values + j);
    store(fixed(x, y), indices + j / kIndexValues<Index>);
  }
}

// The same of what places any value.
template <class Placer, class T, class Index>
inline void place_cells(Placer& placer, const T* values, Index* indices) {
  for (int j = 0; j < kGroupValues; j += 2 * kPairLanes) {
    const Ints a = cells_of(placer(load_lanes(values + j)));
    const Ints b = cells_of(placer(load_lanes(values + j + kPairLanes)));
    store(halves(left<16>(max(a, b)), min(a, b)), indices + j / kIndexValues<Index>);
  }
}

}  // namespace
}  // namespace igfast

#endif
