// Scalar rules x -> (cell, digit), exact for every input. A histogram row has bins + 3 cells:
//   0 NaN, 1 underflow, 2 .. bins + 1 the bins, bins + 2 overflow.
// digit = floor(256 * position in the bin), the 8-bit offset of dyadic and log grids.
// Precision policy: nothing rounds. Uniform guesses are rounded but only choose which exact
// comparison to make; dyadic and log work on the bits of the value.
#ifndef IGFAST_GRID_H
#define IGFAST_GRID_H

#include <cmath>
#include <cstdint>

#include "dtype.h"
#include "host_device.h"

namespace igfast {

constexpr std::int64_t kNanCell = 0;
constexpr std::int64_t kUnderflowCell = 1;
constexpr std::int64_t kFirstBinCell = 2;
constexpr std::int64_t kExtraCells = 3;

struct Placed {
  std::uint32_t cell;
  std::uint32_t digit;
};

// Split rule: element i belongs to split (i + rotation(i)) mod G, constant inside a block of 256.
constexpr std::int64_t kBlock = 256;
constexpr std::int64_t kLanes = 8;
constexpr std::uint32_t kRotationFactor = 2654435761u;

IGF_HOST_DEVICE inline std::uint32_t block_rotation(std::int64_t flat_index) {
  const auto block = static_cast<std::uint32_t>(static_cast<std::uint64_t>(flat_index) >> 8);
  return (block * kRotationFactor) >> 29;
}

// ---- uniform ----
// The edges that narrow values guessed to have reached them may lie below.
enum class Ties { kNone, kLastEdge, kSome };

// The same by slots, for a table of sixteen bytes: narrow values guessed to be just above the edge
// of a cell whose slot's bit is set are below it, but for those of one cell. To 256 bins.
struct TieSlots {
  std::uint16_t factor;  // 0 where no such slots were found
  std::uint16_t below;   // a bit for each slot, never the first
  std::int16_t exception;
};

constexpr std::uint32_t tie_slot(std::uint32_t cell, std::uint16_t factor) {
  return (cell * factor & 0xffff) >> 12;
}

// A guess of the cell that is never below one that x has reached, and at most `early` above one
// that x has not: (x - low) * scale + offset, the difference rounded, the rest rounded once.
template <class V>
struct RaisedGuess {
  V low;
  V offset;
  V early;  // infinite where no bound was found
};

// thresholds[b] is the smallest V >= edge b (for the closed last edge: the smallest V > it), so
// that x >= edge b in exact arithmetic is x >= thresholds[b] in V. thresholds[-1] is -inf and
// thresholds[bins + 1] NaN, so that a guess one step outside still compares right.
template <class V>
struct UniformRule {
  const V* thresholds;
  V low;
  V scale;
  std::int32_t bins;
  // How far the guess, which is monotone in x, is from b at the two V around any threshold b. A
  // guess farther than that from every integer lies on the right side of all thresholds.
  V margin;
  // Whether the margin is at most a quarter. Then any x lies between the neighbors of the threshold
  // nearest its guess, and one comparison with that threshold decides.
  bool guess_is_close;
  // Of float. Far from zero, beside the width of the range, differences from `low` have less to
  // round: `far` is used where it is much less early, and else infinitely early.
  RaisedGuess<V> near;
  RaisedGuess<V> far;
  // For values of at most 11 significant bits, few of which lie near an edge: the guess `near` is
  // right, unless |x| < narrow_doubt (infinite where no such bound was found), or it is at
  // most narrow_tie above that of a bin whose bit is set in `narrow_ties`, to 256 bins: then the
  // value belongs to the bin below. The closed last edge alone has no bit and must be compared
  // with.
  V narrow_doubt;
  V narrow_tie;
  Ties ties;
  std::uint32_t narrow_ties[9];
  TieSlots tie_slots;  // where `ties` is kSome
};

template <class V>
IGF_HOST_DEVICE inline V uniform_guess(const UniformRule<V>& rule, V x) {
  return (x - rule.low) * rule.scale;
}

// Where no guess is good enough (edges closer than the spacing of V): bisection.
template <class V>
IGF_HOST_DEVICE inline Placed uniform_bisect(const UniformRule<V>& rule, V x) {
  if (x != x) {
    return {static_cast<std::uint32_t>(kNanCell), 0};
  }
  std::int32_t below = -1;  // thresholds[below] <= x < thresholds[above]
  std::int32_t above = rule.bins + 1;
  while (above - below > 1) {
    const std::int32_t middle = below + (above - below) / 2;
    if (x >= rule.thresholds[middle]) {
      below = middle;
    } else {
      above = middle;
    }
  }
  return {static_cast<std::uint32_t>(below + 2), 0};
}

template <class V>
IGF_HOST_DEVICE inline Placed place(const UniformRule<V>& rule, V x) {
  if (!rule.guess_is_close) {
    return uniform_bisect(rule, x);
  }
  const V limit = static_cast<V>(rule.bins) + V(1);
  V guess = uniform_guess(rule, x);
  guess = guess > V(-1) ? guess : V(-1);  // NaN goes to -1, where no comparison holds: cell 0
  guess = guess < limit ? guess : limit;
  // Half way between two thresholds either will do.
  const auto nearest = static_cast<std::int32_t>(guess + V(1.5)) - 1;
  const std::int32_t cell = nearest + 1 + (x >= rule.thresholds[nearest] ? 1 : 0);
  return {static_cast<std::uint32_t>(cell), 0};
}

// ---- dyadic ----
struct DyadicRule {
  std::int32_t exponent;
  std::int32_t bins;
  std::int64_t origin;
};

// floor(x * 2^(8 - exponent)), saturated at +-2^60; x is not NaN. On the bits of x: a product
// would underflow for tiny negative x (floor -1, not 0) and overflow for large ones.
IGF_HOST_DEVICE inline std::int64_t dyadic_units(double x, std::int32_t exponent) {
  constexpr std::int64_t kSaturated = std::int64_t{1} << 60;
  const std::uint64_t bits = bits_from_double(x);
  const bool negative = (bits >> 63) != 0;
  const auto biased = static_cast<std::int32_t>((bits >> 52) & 2047u);
  std::uint64_t mantissa = bits & ((std::uint64_t{1} << 52) - 1);
  if (biased != 0) {
    mantissa |= std::uint64_t{1} << 52;
  }
  if (mantissa == 0) {
    return 0;
  }
  // |x| = mantissa * 2^(max(biased, 1) - 1075)
  const std::int32_t shift = (biased != 0 ? biased : 1) - 1075 + 8 - exponent;
  if (shift > 0) {
    if (biased == 2047 || shift > 60 || (mantissa >> (60 - shift)) != 0) {
      return negative ? -kSaturated : kSaturated;
    }
    const auto units = static_cast<std::int64_t>(mantissa << shift);
    return negative ? -units : units;
  }
  if (biased == 2047) {
    return negative ? -kSaturated : kSaturated;
  }
  const std::int32_t down = -shift > 63 ? 63 : -shift;
  const auto units = static_cast<std::int64_t>(mantissa >> down);
  const bool exact = (static_cast<std::uint64_t>(units) << down) == mantissa;
  return negative ? -units - (exact ? 0 : 1) : units;
}

IGF_HOST_DEVICE inline Placed dyadic_place(const DyadicRule& rule, std::int64_t units) {
  const std::int64_t bin = (units >> 8) - rule.origin;
  const std::int64_t clamped = bin < -1 ? -1 : (bin > rule.bins ? rule.bins : bin);
  return {static_cast<std::uint32_t>(clamped + kFirstBinCell),
          static_cast<std::uint32_t>(units & 255)};
}

template <class V>
IGF_HOST_DEVICE inline Placed place(const DyadicRule& rule, V x) {
  if (x != x) {
    return {static_cast<std::uint32_t>(kNanCell), 0};
  }
  return dyadic_place(rule, dyadic_units(static_cast<double>(x), rule.exponent));
}

// ---- log ----
// Half-axis bins 0 .. half - 1 count outwards from 2^min_exponent; ascending in x the whole axis
// is: negative mirrored, one central bin, positive. first_bin shifts a window onto the axis.
struct LogRule {
  std::int32_t mantissa_bits;
  std::int32_t min_exponent;
  std::int32_t half;  // (max_exponent - min_exponent) << mantissa_bits
  std::int32_t first_bin;
  std::int32_t bins;
};

template <class V>
IGF_HOST_DEVICE inline Placed place(const LogRule& rule, V value) {
  const auto x = static_cast<double>(value);
  if (x != x) {
    return {static_cast<std::uint32_t>(kNanCell), 0};
  }
  const std::uint64_t bits = bits_from_double(x);
  const bool negative = (bits >> 63) != 0;
  std::int64_t exponent = static_cast<std::int64_t>((bits >> 52) & 2047u) - 1023;
  std::uint64_t mantissa = bits & ((std::uint64_t{1} << 52) - 1);
  if (exponent == 1024) {
    exponent = std::int64_t{1} << 40;  // infinity lies beyond every grid
  } else if (exponent == -1023) {  // subnormal: mantissa * 2^-1074, made normal by an exact product
    const std::uint64_t scaled = bits_from_double(static_cast<double>(mantissa));
    exponent = mantissa == 0 ? -(std::int64_t{1} << 40)
                             : static_cast<std::int64_t>(scaled >> 52) - 1023 - 1074;
    mantissa = scaled & ((std::uint64_t{1} << 52) - 1);
  }
  std::int64_t outward = 0;  // 0 central, half-axis bin + 1, half + 1 beyond
  std::uint32_t digit;
  if (exponent < rule.min_exponent) {
    const std::int64_t units = dyadic_units(x, rule.min_exponent + 1);
    digit = static_cast<std::uint32_t>(units + 128);
  } else {
    const std::uint64_t top = mantissa >> (52 - rule.mantissa_bits - 8);
    digit = static_cast<std::uint32_t>(top & 255u);
    digit = negative ? 255u - digit : digit;
    outward = ((exponent - rule.min_exponent) << rule.mantissa_bits) +
              static_cast<std::int64_t>(top >> 8) + 1;
    outward = outward > rule.half + 1 ? rule.half + 1 : outward;
  }
  std::int64_t bin = rule.half + (negative ? -outward : outward) - rule.first_bin;
  bin = bin < -1 ? -1 : (bin > rule.bins ? rule.bins : bin);
  return {static_cast<std::uint32_t>(bin + kFirstBinCell), digit};
}

}  // namespace igfast

#endif
