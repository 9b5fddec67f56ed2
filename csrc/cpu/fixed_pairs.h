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

// Zero, so frequent a value that it is not left in doubt where an edge is near: units inside its
// bin.
inline Ints units_of_zero(const UniformRule<float>& rule) {
  int bin = -1;
  while (bin < rule.bins && rule.thresholds[bin + 1] <= 0.0f) {
    ++bin;
  }
  return ints(bin * static_cast<int>(kFixedUnit) + static_cast<int>(kFixedUnit) / 2);
}

// Uniform bins: the raised guess. In doubt near a bin's lower end, and NaN; with `kZero`, zero
// would be.
template <bool kZero>
class UniformPairs {
 public:
  static bool holds(const UniformRule<float>& rule) {
    return rule.raised_early < 0.0625f && rule.scale < 0x1p100f && near_edge(rule) == kZero;
  }

  explicit UniformPairs(const UniformRule<float>& rule)
      : low_(floats(rule.narrow_low)),
        scale_(floats(rule.scale * kFixedUnit)),
        beyond_(shorts(rule.bins)),
        zero_(kZero ? units_of_zero(rule) : ints(0)),
        doubt_(doubt(rule)) {}

  template <class T>
  void watch(const T*) {}

  Ints operator()(Floats x, Floats y) {
    const PairHalves pairs(units(x), units(y));
    least_rest_ = min_shorts(least_rest_, pairs.lower);
    const Ints bins = max_signed_shorts(min_signed_shorts(pairs.upper, beyond_), shorts(-1));
    return add_shorts(bins, shorts(kFirstBinCell));
  }

  bool in_doubt() const { return any_short_below(least_rest_, doubt_); }

  void trust() { least_rest_ = ints(-1); }

 private:
  static int doubt(const UniformRule<float>& rule) {
    return static_cast<int>(rule.raised_early * kFixedUnit + 0.5f) + 1;
  }

  // Of zero.
  static bool near_edge(const UniformRule<float>& rule) {
    const float guess = (0.0f - rule.narrow_low) * rule.scale;
    const float rest = (guess - __builtin_floorf(guess)) * kFixedUnit;
    return guess >= -1.0f && guess <= static_cast<float>(rule.bins + 1) &&
           (rest < static_cast<float>(doubt(rule)) || rest > kFixedUnit - 1.0f);
  }

  // What no integer holds becomes the smallest, whose lower half is in doubt.
  Ints units(Floats x) const {
    const Ints guess = nearest(mul(sub(x, low_), scale_));
    if constexpr (kZero) {
      return where_zero(x, zero_, guess);
    } else {
      return guess;
    }
  }

  Floats low_, scale_;
  Ints beyond_, zero_;
  Ints least_rest_ = ints(-1);
  int doubt_;
};

// Uniform bins, values of at most 11 significant bits: the raised guess is right, but for ties. NaN
// is in doubt, and what is far outside; with `kNearZero` also what is near zero, as the stored bits
// say.
template <class T, bool kTies, bool kNearZero>
class NarrowPairs {
 public:
  static bool holds(const UniformRule<float>& rule) {
    // `least_bits` knows no bound beyond the largest value.
    const float largest = widen(T{static_cast<decltype(T::bits)>(kLargest)});
    return rule.narrow_doubt < __builtin_inff() && rule.narrow_doubt <= largest &&
           rule.has_ties == kTies && (rule.narrow_doubt > 0.0f) == kNearZero &&
           rule.scale < 0x1p100f;
  }

  explicit NarrowPairs(const UniformRule<float>& rule)
      : low_(floats(rule.narrow_low)),
        scale_(floats(rule.scale * kFixedUnit)),
        last_(floats((static_cast<float>(rule.bins) - 0.5f) * kFixedUnit)),
        beyond_(floats(rule.thresholds[rule.bins])),
        overflow_(shorts(rule.bins)),
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
    Ints bins = pairs.upper;
    if constexpr (kTies) {  // keeps the order of a pair
      bins = ties_.less_one_where(bins, swapped(pairs.lower), tie_);
      bins = min_signed_shorts(bins, overflow_);
    }
    return add_shorts(max_signed_shorts(bins, ints(-1)), shorts(kFirstBinCell));
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

  // The closed last edge is one more tie, or compared with where there are none: clamped half way
  // between integers. What no integer holds becomes the smallest.
  Ints guess_of(Floats x) const {
    const Floats guess = mul(sub(x, low_), scale_);
    if constexpr (kTies) {
      return floor_of(guess);
    } else {
      const Ints bin = floor_of(at_most(guess, last_));
      return add_where_at_least(bin, x, beyond_, ints(static_cast<int>(kFixedUnit)));
    }
  }

  Floats low_, scale_, last_, beyond_;
  Ints overflow_;
  int tie_;
  BinBits ties_;
  Ints zero_;
  int near_zero_;
  Ints nearest_ = ints(-1);
  Ints smallest_ = ints(0);
};

// Dyadic bins, exactly; NaN and what is far above is in doubt.
class DyadicPairs {
 public:
  static bool holds(const DyadicRule& rule) {
    constexpr std::int64_t kFarthest = std::int64_t{1} << 14;  // half units exact in float
    const int power = 8 - rule.exponent;
    return power >= 0 && power <= 127 && rule.origin >= -kFarthest &&
           rule.origin + rule.bins <= kFarthest;
  }

  explicit DyadicPairs(const DyadicRule& rule)
      : scale_(floats(power_of_two(8 - rule.exponent))),
        least_(ints(static_cast<int>(rule.origin) * 256 - 128)),
        most_(ints(static_cast<int>(rule.origin + rule.bins) * 256 + 128)),
        cell_zero_(shorts(static_cast<int>(kFirstBinCell - rule.origin))) {}

  template <class T>
  void watch(const T*) {}

  Ints operator()(Floats x, Floats y) {
    const Ints a = units(x);
    const Ints b = units(y);
    const Ints less = min(a, b);
    smallest_ = min(smallest_, less);
    const Ints larger = min(max(max(a, b), least_), most_);
    const Ints inside = min(max(less, least_), larger);
    return add_shorts(halves(left<8>(larger), right<8>(inside)), cell_zero_);
  }

  bool in_doubt() const { return any_smallest(smallest_); }

  void trust() { smallest_ = ints(0); }

 private:
  static float power_of_two(int exponent) {
    const std::uint32_t bits = static_cast<std::uint32_t>(exponent + 127) << 23;
    float power;
    __builtin_memcpy(&power, &bits, sizeof power);
    return power;
  }

  // 256 to a bin; the smallest integer for NaN and whatever no integer holds.
  Ints units(Floats x) const { return floor_of(mul(x, scale_)); }

  Floats scale_;
  Ints least_, most_, cell_zero_;
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
    const Ints cells = fixed(load_lanes(values + j), load_lanes(values + j + kPairLanes));
    store(cells, indices + j / kIndexValues<Index>);
  }
}

// The same of what places any value.
template <class Placer, class T, class Index>
inline void place_cells(Placer& placer, const T* values, Index* indices) {
  for (int j = 0; j < kGroupValues; j += 2 * kPairLanes) {
    const Ints a = placer(load_lanes(values + j)).cell;
    const Ints b = placer(load_lanes(values + j + kPairLanes)).cell;
    store(halves(left<16>(max(a, b)), min(a, b)), indices + j / kIndexValues<Index>);
  }
}

}  // namespace
}  // namespace igfast

#endif
