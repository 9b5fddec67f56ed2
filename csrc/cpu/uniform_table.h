// Builds the threshold table and the proven guess of a UniformRule from float64 edges.
#ifndef IGFAST_CPU_UNIFORM_TABLE_H
#define IGFAST_CPU_UNIFORM_TABLE_H

#include <cmath>
#include <cstdint>
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
    rule_.guess_is_close = guess_is_close();
  }

  const UniformRule<V>& rule() const { return rule_; }

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

  // False as well where the guess overflows or is NaN.
  bool guess_is_close() const {
    for (std::int32_t b = 0; b <= rule_.bins; ++b) {
      const V at = rule_.thresholds[b];
      const V below = std::nextafter(at, -std::numeric_limits<V>::infinity());
      const V late = static_cast<V>(b) - uniform_guess(rule_, at);
      const V early = uniform_guess(rule_, below) - static_cast<V>(b);
      if (!(late <= V(kCloseGuess)) || !(early <= V(kCloseGuess))) {
        return false;
      }
    }
    return true;
  }

  std::vector<V> storage_;
  UniformRule<V> rule_{};
};

}  // namespace igfast

#endif
