// Builds the threshold table and the proven guess of a UniformRule from float64 edges.
#ifndef IGFAST_UNIFORM_TABLE_H
#define IGFAST_UNIFORM_TABLE_H

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <iterator>
#include <limits>
#include <type_traits>
#include <vector>

#include "grid.h"
#include "tie_slots.h"

namespace igfast {

// What a rule is asked to have besides its thresholds and the guess beside them: each takes a look
// at every threshold, or several.
enum class Guesses { kClose, kRaised, kNarrow };

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
    constexpr RaisedGuess<V> kNone{0, 0, kInfinity};
    rule_.near = rule_.far = kNone;
    rule_.narrow_doubt = kInfinity;
    found_ = Guesses::kClose;
  }

  // Raised guesses are of float.
  const UniformRule<V>& rule(Guesses wanted) {
    if constexpr (kIsFloat) {
      if (wanted >= Guesses::kRaised && found_ < Guesses::kRaised) {
        raise_guesses();
        found_ = Guesses::kRaised;
      }
      if (wanted == Guesses::kNarrow && found_ < Guesses::kNarrow) {
        find_narrow_guess();
        found_ = Guesses::kNarrow;
      }
    }
    return rule_;
  }

 private:
  static constexpr bool kIsFloat = std::is_same_v<V, float>;
  // One block of 256 values in eight has a value that near an edge.
  static constexpr float kSeldomEarly = 0x1p-11f;
  // One of a hundred groups of 32.
  static constexpr float kWorthMeasuring = 0x1p-12f;

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

  // The guess but for its offset: in double the product is exact.
  double product(float x, float low) const {
    return static_cast<double>(x - low) * static_cast<double>(rule_.scale);
  }

  // The guess `near`, to the rounding of double.
  double near_guess(double x) const { return x * rule_.scale + rule_.near.offset; }

  // How much the float nearest a guess of up to `bins` + 3 may be off: half their distance.
  double rounding() const { return (rule_.bins + 3) * 0x1p-24; }

  static float rounded_up(double x) {
    const auto nearest = static_cast<float>(x);
    return static_cast<double>(nearest) >= x
               ? nearest
               : std::nextafter(nearest, std::numeric_limits<float>::infinity());
  }

  void raise_guesses() {
    if (!(rule_.scale >= std::numeric_limits<float>::min() && rule_.scale < 0x1p100f)) {
      return;
    }
    rule_.near = raised_guess(0.0f);
    // Where `low` is as far from zero as the range is wide.
    if (!(rule_.near.early < kSeldomEarly) &&
        std::abs(rule_.low) * rule_.scale > static_cast<float>(rule_.bins)) {
      const RaisedGuess<float> far = raised_guess(rule_.low);
      // Else `near`, which is cheaper, is as good.
      rule_.far = far.early < rule_.near.early / 2 ? far : rule_.far;
    }
  }

  // With the least offset by which no threshold is late. What reaches a cell's number, a float,
  // does so rounded, too.
  RaisedGuess<float> raised_guess(float low) const {
    constexpr float kInfinity = std::numeric_limits<float>::infinity();
    double latest = kInfinity;  // the least that the guess of a threshold is above its number
    double earliest = -kInfinity;
    for (std::int32_t b = 0; b <= rule_.bins; ++b) {
      const float at = rule_.thresholds[b];
      latest = std::min(latest, product(at, low) - b);
      earliest = std::max(earliest, product(std::nextafter(at, -kInfinity), low) - b);
    }
    // Of what double rounds.
    const double slack = 0x1p-51 * (std::abs(latest) + std::abs(earliest) + 1);
    const float offset = rounded_up(kFirstBinCell - latest + slack);
    const double early = earliest + offset - kFirstBinCell;
    const RaisedGuess<float> raised{low, offset,
                                    rounded_up(std::max(early, 0.0) + slack + rounding())};
    return raised.early < kWorthMeasuring ? raised : measured(raised);
  }

  // Its bound as guesses are indeed rounded.
  RaisedGuess<float> measured(RaisedGuess<float> raised) const {
    raised.early = 0.0f;
    for (std::int32_t b = 0; b <= rule_.bins; ++b) {
      const float below =
          std::nextafter(rule_.thresholds[b], -std::numeric_limits<float>::infinity());
      const float guess = std::fma(below - raised.low, rule_.scale, raised.offset);
      raised.early = std::max(raised.early, guess - static_cast<float>(b + kFirstBinCell));
    }
    return raised;
  }

  // Looks for narrow values below a threshold whose raised guess has reached it. Decimal edges have
  // such ties: 0.5 lies below the edge that should be 0.5 and was rounded up.
  void find_narrow_guess() {
    constexpr float kInfinity = std::numeric_limits<float>::infinity();
    rule_.narrow_tie = rule_.near.early;
    rule_.narrow_doubt = kInfinity;
    rule_.ties = Ties::kNone;
    rule_.tie_slots = {};
    std::fill(std::begin(rule_.narrow_ties), std::end(rule_.narrow_ties), 0u);
    if (!(rule_.narrow_tie < static_cast<float>(kCloseGuess))) {
      return;
    }
    constexpr std::int32_t kMostBins = 256;
    // The fixed-point loops round guesses to units of 2^-16: one in a cell to less than half a unit
    // below the next, one beyond a tie to a unit beyond.
    const double short_of_edge = 0x1p-17 + rounding();
    const double beyond_tie = rule_.narrow_tie + 0x1p-16 + rounding();
    double doubt = 0;
    for (std::int32_t b = 0; b <= rule_.bins; ++b) {
      const float at = rule_.thresholds[b];
      const float below = std::nextafter(at, -kInfinity);
      const double cell = b + static_cast<double>(kFirstBinCell);
      if (near_guess(narrow(below, [](float x) { return std::floor(x); })) < cell - short_of_edge) {
        continue;
      }
      if (b == rule_.bins && rule_.ties == Ties::kNone) {
        rule_.ties = Ties::kLastEdge;
        continue;
      }
      if (narrow_guess_at(b) >= cell + beyond_tie) {
        if (rule_.bins > kMostBins) {
          return;
        }
        rule_.ties = Ties::kSome;
        rule_.narrow_ties[b / 32] |= 1u << b % 32;
        continue;
      }
      // An edge near zero, where floats are dense: far enough outside of +-doubt.
      constexpr auto kLeast = static_cast<double>(std::numeric_limits<float>::min());
      doubt = std::max({doubt, 2 * std::abs(static_cast<double>(at)), kLeast});
      while (
          !(near_guess(doubt) >= cell + beyond_tie && near_guess(-doubt) < cell - short_of_edge)) {
        doubt *= 2;
        if (!(doubt * rule_.scale < kCloseGuess)) {
          return;
        }
      }
    }
    if (doubt * rule_.scale < kCloseGuess) {
      rule_.narrow_doubt = rounded_up(doubt);
      if (rule_.ties == Ties::kSome) {
        rule_.tie_slots = find_tie_slots(tied_cells(beyond_tie));
      }
    }
  }

  // But for those of edges so near zero that values there are in doubt.
  TiedCells tied_cells(double beyond_tie) const {
    TiedCells tied;
    for (std::int32_t b = 0; b <= rule_.bins; ++b) {
      const auto cell = static_cast<std::uint32_t>(b + kFirstBinCell);
      if ((rule_.narrow_ties[b / 32] >> b % 32 & 1) != 0) {
        tied.below.push_back(cell);
      } else if (narrow_guess_at(b) < cell + beyond_tie &&
                 !(2 * std::abs(rule_.thresholds[b]) <= rule_.narrow_doubt)) {
        tied.reached.push_back(cell);
      }
    }
    return tied;
  }

  // Of the least narrow value that reaches edge b.
  double narrow_guess_at(std::int32_t b) const {
    return near_guess(narrow(rule_.thresholds[b], [](float x) { return std::ceil(x); }));
  }

  // x rounded to 11 significant bits.
  template <class Round>
  static float narrow(float x, Round&& round) {
    int exponent;
    const float mantissa = std::frexp(x, &exponent);
    return std::ldexp(round(mantissa * 2048.0f), exponent - 11);
  }

  std::vector<V> storage_;
  UniformRule<V> rule_{};
  Guesses found_ = Guesses::kClose;
};

}  // namespace igfast

#endif
