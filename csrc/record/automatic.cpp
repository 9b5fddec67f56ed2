#include "record/automatic.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <vector>

#include "record/bits.h"

namespace igfast::record {
namespace {

constexpr int kTail = 7;               // at most n >> 7 elements on either side stretch no grid
constexpr double kMargin = 2;          // the grid spans at least this many times the rest
constexpr std::int64_t kRefine = 3;    // octaves to be gained before a grid is refined
constexpr std::int64_t kConstant = 4;  // a constant layer's grid spans 2^-4 of its value
constexpr std::int64_t kSteps = 8;     // origins are multiples of an 8th of the grid
constexpr std::int64_t kLeastExponent = -1000;
constexpr double kFarthest = 8796093022208.0;  // 2^43 steps from zero

struct Interval {
  double low, high;
};

double finite(double x) {
  constexpr double kLargest = std::numeric_limits<double>::max();
  return std::isnan(x) ? 0.0 : std::clamp(x, -kLargest, kLargest);
}

double edge(std::int64_t exponent, std::int64_t index) {
  return std::ldexp(static_cast<double>(index), static_cast<int>(exponent));
}

// floor(log2 |x|), and 0 for x = 0.
std::int64_t magnitude(double x) {
  int exponent = 1;
  if (x != 0) {
    std::frexp(finite(x), &exponent);
  }
  return exponent - 1;
}

std::int64_t octaves(std::int64_t bins) { return bit_length(static_cast<std::uint64_t>(bins)) - 1; }

// No bin below the dtype's spacing at the far end, nor an index near 2^44. At most, bins span what
// lies within +-2^1023 (2^n bins then have finite edges), and twice that where more is needed.
std::int64_t clamp(std::int64_t exponent, Interval of, std::int64_t bins, std::int64_t precision) {
  const double far = std::max(std::fabs(of.low), std::fabs(of.high));
  const std::int64_t least =
      far > 0 ? magnitude(far) - std::min<std::int64_t>(precision - 1, 40) : kLeastExponent;
  const std::int64_t most =
      std::min<std::int64_t>(1024 + (far < 0x1p1023 ? 0 : 1) - octaves(bins), 1023);
  return std::clamp(std::max(exponent, least), kLeastExponent, most);
}

// The least exponent whose bins span kMargin times the interval.
std::int64_t exponent_for(Interval of, std::int64_t bins, std::int64_t precision) {
  // halved first: the difference of two huge numbers would overflow
  const double width =
      (finite(of.high) / 2 - finite(of.low) / 2) * (2 * kMargin / static_cast<double>(bins));
  if (!(width > 0)) {
    return clamp(kLeastExponent, of, bins, precision);
  }
  int exponent = 0;
  const double mantissa = std::frexp(finite(width), &exponent);
  return clamp(mantissa == 0.5 ? exponent - 1 : exponent, of, bins, precision);
}

// The aligned origin nearest to a grid centered on the interval.
std::int64_t origin_for(std::int64_t exponent, Interval of, std::int64_t bins) {
  const std::int64_t step = std::max<std::int64_t>(1, (std::int64_t{1} << octaves(bins)) / kSteps);
  const int power = static_cast<int>(-exponent);
  const double center =
      std::ldexp(finite(of.low), power) / 2 + std::ldexp(finite(of.high), power) / 2;
  const double nearest =
      std::floor((center - static_cast<double>(bins) / 2) / static_cast<double>(step) + 0.5);
  return step * static_cast<std::int64_t>(std::clamp(finite(nearest), -kFarthest, kFarthest));
}

// Where the elements lie, zeros left aside.
struct Center {
  std::int64_t total;    // elements
  std::int64_t outside;  // of them beyond the grid
  std::int64_t first;    // first and last bin of all but the tails; -1 and B where that is beyond
  std::int64_t last;
};

Center find_center(const Observed& seen, std::int64_t zero_cell, const std::int64_t* sums,
                   std::int64_t underflow, std::int64_t overflow, std::int64_t inside) {
  const auto in_cell = [&](std::int64_t cell) {
    const std::int64_t held = cell < 0 ? underflow : cell == seen.bins ? overflow : sums[cell];
    return cell == zero_cell ? held - seen.zeros : held;
  };
  const std::int64_t total = inside + underflow + overflow - seen.zeros;
  const std::int64_t spare = total >> kTail;
  // nothing, or nothing but zeros, has no center: the ends stay where they are
  std::int64_t first = -1;
  std::int64_t last = seen.bins;
  if (total > 0) {
    for (std::int64_t sum = in_cell(first); sum <= spare && first < seen.bins;
         sum += in_cell(++first)) {
    }
    for (std::int64_t sum = in_cell(last); sum <= spare && last >= 0; sum += in_cell(--last)) {
    }
  }
  return {total, in_cell(-1) + in_cell(seen.bins), first, last};
}

// The interval that holds all but the tails, zeros left aside unless they are many.
Interval central(DyadicBins now, const Observed& seen, const Center& center) {
  const std::int64_t bins = seen.bins;
  // Beyond the grid only the count is known: the more is outside, the further to reach.
  const std::int64_t reach = 8 * center.outside <= center.total ? bins / 8 : bins / 2;
  const bool unknown = 2 * center.outside > center.total;
  const bool below = center.first < 0;
  const bool above = center.last >= bins;
  Interval found{edge(now.exponent, now.origin + (below ? -reach : center.first)),
                 edge(now.exponent, now.origin + (above ? bins + reach : center.last + 1))};
  found.low = std::max(below && unknown ? seen.low : found.low, seen.low);
  found.high = std::min(above && unknown ? seen.high : found.high, seen.high);
  if (seen.zeros > center.total >> kTail) {
    found = {std::min(found.low, 0.0), std::max(found.high, 0.0)};
  }
  return found;
}

}  // namespace

DyadicBins start_bins(double low, double high, std::int64_t bins, std::int64_t precision) {
  const Interval of = low <= high ? Interval{low, high} : Interval{0.0, 0.0};
  const std::int64_t exponent =
      of.low == of.high ? clamp(magnitude(of.low) - kConstant - octaves(bins), of, bins, precision)
                        : exponent_for(of, bins, precision);
  return {exponent, origin_for(exponent, of, bins)};
}

DyadicBins follow_bins(DyadicBins now, const Observed& seen, bool first, std::int64_t* sums) {
  std::fill_n(sums, seen.bins, 0);
  std::int64_t inside = 0;
  std::int64_t underflow = 0;
  std::int64_t overflow = 0;
  for (std::int64_t split = 0; split < seen.splits; ++split) {
    const std::int64_t* row = seen.counts + split * seen.bins;
    for (std::int64_t bin = 0; bin < seen.bins; ++bin) {
      sums[bin] += row[bin];
      inside += row[bin];
    }
    underflow += seen.outside[2 * split];
    overflow += seen.outside[2 * split + 1];
  }
  if (inside + underflow + overflow == 0 || !(seen.low <= seen.high)) {
    return now;
  }
  const double left = edge(now.exponent, now.origin);
  const double right = edge(now.exponent, now.origin + seen.bins);
  if (seen.low == seen.high) {
    return left <= seen.low && seen.low < right
               ? now
               : start_bins(seen.low, seen.high, seen.bins, seen.precision);
  }
  const std::int64_t zero_cell = std::clamp<std::int64_t>(-now.origin, -1, seen.bins);
  const Interval of =
      central(now, seen, find_center(seen, zero_cell, sums, underflow, overflow, inside));
  if (!(of.low < of.high)) {
    return now;  // one value, or infinities, hold the central mass: no scale
  }
  std::int64_t best = exponent_for(of, seen.bins, seen.precision);
  if (left <= of.low && of.high <= right && best > now.exponent - (first ? 1 : kRefine)) {
    return now;
  }
  if (!first && (best == now.exponent || best == now.exponent - 1)) {
    best = clamp(now.exponent, of, seen.bins, seen.precision);  // only the origin moves
  }
  return {best, origin_for(best, of, seen.bins)};
}

bool follow_layers(const std::int64_t* exponents, const std::int64_t* origins,
                   const ObservedLayers& seen, bool first, std::int64_t* next) {
  std::vector<std::int64_t> sums(static_cast<std::size_t>(seen.bins));
  bool moved = false;
  for (std::int64_t layer = 0; layer < seen.layers; ++layer) {
    const DyadicBins now{exponents[layer], origins[layer]};
    const Observed one{seen.counts + layer * seen.splits * seen.bins,
                       seen.outside + layer * seen.splits * 2,
                       seen.splits,
                       seen.bins,
                       seen.zeros[layer * seen.zeros_step],
                       seen.low[layer * seen.low_step],
                       seen.high[layer * seen.high_step],
                       seen.precision[layer]};
    const DyadicBins found = follow_bins(now, one, first, sums.data());
    moved = moved || found.exponent != now.exponent || found.origin != now.origin;
    next[layer] = found.exponent;
    next[seen.layers + layer] = found.origin;
  }
  return moved;
}

}  // namespace igfast::record
