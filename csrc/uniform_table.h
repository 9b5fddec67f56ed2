// Builds the threshold table and the proven guess of a UniformRule from float64 edges.
#ifndef IGFAST_UNIFORM_TABLE_H
#define IGFAST_UNIFORM_TABLE_H

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <iterator>
#include <limits>
#include <vector>

#include "grid.h"

namespace igfast {

// Half a bin would do in exact arithmetic; the rest covers the rounding of guess + 3/2 at 65,536
// bins of float.
constexpr double kCloseGuess = 0.25;

template <class V>
class UniformTable {
 public:
  void build(const double* edges, std::int64_t bins) {
    constexpr V kInfinity = std::numeric_limits<V>::infinity();
    storage_.resize(static_cast<std::size_t>(bins) + 3);
    V* thresholds = storage_.data() + 1;
    thresholds[-1] = -kInfinity;
    for (std::int64_t b = 0; b < bins; ++b) {
      thresholds[b] = smallest_at_least(edges[b]);
    }
    thresholds[bins] = smallest_above(edges[bins]);
    thresholds[bins + 1] = std::numeric_limits<V>::quiet_NaN();

    rule_.thresholds = thresholds;
    rule_.bins = static_cast<std::int32_t>(bins);
    rule_.low = static_cast<V>(edges[0]);
    rule_.scale = static_cast<V>(static_cast<double>(bins) / (edges[bins] - edges[0]));
    rule_.margin = margin();
    rule_.guess_is_close = rule_.margin <= V(kCloseGuess);
    for (const V raise : {V(0.5), V(1), V(2), V(4)}) {  // times the margin; low itself is rounded
      rule_.narrow_low = rule_.low - raise * rule_.margin / rule_.scale;
      rule_.raised_early = raised_early();
      if (std::isfinite(rule_.raised_early)) {
        break;
      }
    }
    has_narrow_guess_ = false;
  }

  // `narrow`: for values of at most 11 significant bits too, which takes as long again to prove.
  const UniformRule<V>& rule(bool narrow) {
    if (narrow && !has_narrow_guess_) {
      find_narrow_guess();
      has_narrow_guess_ = true;
    }
    return rule_;
  }

 private:
  static V smallest_at_least(double edge) {
    const V rounded = static_cast<V>(edge);
    return static_cast<double>(rounded) >= edge
               ? rounded
               : std::nextafter(rounded, std::numeric_limits<V>::infinity());
  }

  static V smallest_above(double edge) {
    const V rounded = static_cast<V>(edge);
    return static_cast<double>(rounded) > edge
               ? rounded
               : std::nextafter(rounded, std::numeric_limits<V>::infinity());
  }

  // Infinite where the guess overflows or is NaN.
  V margin() const {
    V farthest = 0;
    for (std::int32_t b = 0; b <= rule_.bins; ++b) {
      const V at = rule_.thresholds[b];
      const V below = std::nextafter(at, -std::numeric_limits<V>::infinity());
      const V late = static_cast<V>(b) - uniform_guess(rule_, at);
      const V early = uniform_guess(rule_, below) - static_cast<V>(b);
      if (!std::isfinite(late) || !std::isfinite(early)) {
        return std::numeric_limits<V>::infinity();
      }
      farthest = std::max({farthest, late, early});
    }
    return farthest;
  }

  UniformRule<V> raised() const {
    UniformRule<V> raised = rule_;
    raised.low = rule_.narrow_low;
    return raised;
  }

  V raised_early() const {
    const UniformRule<V> guess = raised();
    V early = 0;
    for (std::int32_t b = 0; b <= rule_.bins; ++b) {
      const V at = rule_.thresholds[b];
      const V below = std::nextafter(at, -std::numeric_limits<V>::infinity());
      if (!(uniform_guess(guess, at) >= static_cast<V>(b)) ||
          !std::isfinite(uniform_guess(guess, below))) {
        return std::numeric_limits<V>::infinity();
      }
      early = std::max(early, uniform_guess(guess, below) - static_cast<V>(b));
    }
    return early;
  }

  // Raises the guess by the margin and more, so that no threshold is late, and looks for narrow
  // values below a threshold that are then early. Decimal edges have such ties: 0.5 lies below the
  // edge that should be 0.5 and was rounded up. The closed last edge is one, too, where others are;
  // else it is compared with.
  void find_narrow_guess() {
    constexpr V kInfinity = std::numeric_limits<V>::infinity();
    rule_.narrow_tie = 4 * rule_.margin;
    rule_.narrow_doubt = kInfinity;
    rule_.has_ties = false;
    std::fill(std::begin(rule_.narrow_ties), std::end(rule_.narrow_ties), 0u);
    if (!(rule_.narrow_tie < V(kCloseGuess))) {
      return;
    }
    constexpr std::int32_t kMostBins = 256;
    // A guess beyond a tie is so by a unit of the fixed-point loops.
    constexpr V kUnit = V(1) / 65536;
    const UniformRule<V> raised = this->raised();
    V doubt = 0;
    for (std::int32_t b = 0; b < rule_.bins + (rule_.has_ties ? 1 : 0); ++b) {
      const V at = rule_.thresholds[b];
      const V below = std::nextafter(at, -kInfinity);
      const auto guess = static_cast<V>(b);
      if (uniform_guess(raised, at) >= guess) {
        if (uniform_guess(raised, narrow(below, [](V x) { return std::floor(x); })) < guess) {
          continue;
        }
        const V tie = guess + rule_.narrow_tie;
        if (uniform_guess(raised, below) <= tie &&
            uniform_guess(raised, narrow(at, [](V x) { return std::ceil(x); })) >= tie + kUnit) {
          if (rule_.bins > kMostBins) {
            return;
          }
          rule_.has_ties = true;
          rule_.narrow_ties[b / 32] |= 1u << b % 32;
          continue;
        }
      }
      // An edge near zero, where floats are dense: far enough outside of +-doubt.
      doubt = std::max({doubt, 2 * std::abs(at), std::numeric_limits<V>::min()});
      while (!(uniform_guess(raised, doubt) >= guess + rule_.narrow_tie + kUnit &&
               uniform_guess(raised, -doubt) < guess)) {
        doubt *= 2;
        if (!(doubt * rule_.scale < V(kCloseGuess))) {
          return;
        }
      }
    }
    if (doubt * rule_.scale < V(kCloseGuess)) {
      rule_.narrow_doubt = doubt;
    }
  }

  // x rounded to 11 significant bits.
  template <class Round>
  static V narrow(V x, Round&& round) {
    int exponent;
    const V mantissa = std::frexp(x, &exponent);
    return std::ldexp(round(mantissa * V(2048)), exponent - 11);
  }

  std::vector<V> storage_;
  UniformRule<V> rule_{};
  bool has_narrow_guess_ = false;
};

}  // namespace igfast

#endif
