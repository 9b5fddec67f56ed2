// The rules of grid.h for counts alone, in fixed point, on two registers of floats at a time; what
// they cannot decide they say: since trust(), some value was in doubt. The cells of whatever values
// are cells of the table, the larger of a pair first. Over the operations of a vector ISA, which is
// included first. Included by the ISA files only, within which it must stay: everything here is in
// an unnamed namespace.
#ifndef IGFAST_CPU_FIXED_PAIRS_H
#define IGFAST_CPU_FIXED_PAIRS_H

#include <cstdint>

#include "cpu/pair_blocks.h"
#include "grid.h"

namespace igfast {
namespace {

constexpr float kFixedUnit = 65536;  // 2^-16 bins: the upper half of an integer is the bin
constexpr std::uint32_t kInfinityBits = 0x7f800000;

// Two integers of which the upper halves are the cells: those, the larger first, and the lower
// halves, that of the larger last.
struct PairHalves {
  Ints less, larger;  // of the two
  Ints upper, lower;

  PairHalves(Ints a, Ints b) : less(min(a, b)), larger(max(a, b)) {
    const Ints other = swapped(less);
    upper = halves(larger, other);
    lower = halves(other, larger);
  }

  // The lower halves, that of the larger first.
  Ints rests() const { return halves(left<16>(larger), less); }
};

// Cells as they go into a table: any from underflow to overflow, whatever `cells` are.
inline Ints inside(Ints cells, Ints overflow) {
  return max_signed_shorts(min_signed_shorts(cells, overflow),
                           shorts(static_cast<int>(kUnderflowCell)));
}

inline int overflow_cell(int bins) { return bins + static_cast<int>(kFirstBinCell); }

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
        offset_(floats(static_cast<float>(kFirstBinCell - rule.origin) * kFixedUnit)),
        first_(shorts(static_cast<int>(kFirstBinCell - rule.origin))),
        overflow_(shorts(overflow_cell(rule.bins))) {}

  template <class T>
  void watch(const T*) {}

  Ints operator()(Floats x, Floats y) {
    const PairHalves pairs(units_from(x, scale_, offset_), units_from(y, scale_, offset_));
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

  Floats scale_, offset_;
  Ints first_, overflow_;
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
