#include "record/motion.h"

#include <algorithm>
#include <cmath>

namespace igfast::record {
namespace {

// Two cells at once, in the registers that every x86-64 has.
using Two = double __attribute__((vector_size(16)));

template <class Real>
Two load(const Real* from) {
  return Two{static_cast<double>(from[0]), static_cast<double>(from[1])};
}

// Splits are known when it is compiled, so that sums stay in registers.
template <class Real, std::int64_t kSplits>
std::int64_t multiply_all(std::int64_t cells, Shares<const Real> before, Shares<const Real> now,
                          double* products) {
  constexpr double kLeast = 1e-300;  // changes no share but 0, of which no split has more
  Two sums[kSplits][kSplits] = {};
  std::int64_t occupied = 0;
  const auto add = [&](Two pooled, const auto& change) {
    const int held = (pooled[0] > 0 ? 1 : 0) + (pooled[1] > 0 ? 1 : 0);
    if (held == 0) {
      return;
    }
    occupied += held;
    const Two weight = 2.0 / (pooled + kLeast);
    Two changes[kSplits];
    for (std::int64_t g = 0; g < kSplits; ++g) {
      changes[g] = change(g);
      const Two weighted = changes[g] * weight;
      for (std::int64_t h = 0; h <= g; ++h) {
        sums[g][h] += weighted * changes[h];
      }
    }
  };
  std::int64_t cell = 0;
  for (; cell + 1 < cells; cell += 2) {
    add(load(before.pooled + cell) + load(now.pooled + cell), [&](std::int64_t g) {
      return load(now.splits + g * cells + cell) - load(before.splits + g * cells + cell);
    });
  }
  if (cell < cells) {
    const auto one = [](Real value) { return Two{static_cast<double>(value), 0.0}; };
    add(one(before.pooled[cell]) + one(now.pooled[cell]), [&](std::int64_t g) {
      return one(now.splits[g * cells + cell]) - one(before.splits[g * cells + cell]);
    });
  }
  for (std::int64_t g = 0; g < kSplits; ++g) {
    for (std::int64_t h = 0; h <= g; ++h) {
      products[g * kSplits + h] = products[h * kSplits + g] = sums[g][h][0] + sums[g][h][1];
    }
  }
  return occupied;
}

template <class Real, std::int64_t kSplits>
std::int64_t multiply(std::int64_t splits, std::int64_t cells, Shares<const Real> before,
                      Shares<const Real> now, double* products) {
  if constexpr (kSplits < kMostSplits) {
    if (splits > kSplits) {
      return multiply<Real, 2 * kSplits>(splits, cells, before, now, products);
    }
  }
  return multiply_all<Real, kSplits>(cells, before, now, products);
}

}  // namespace

template <class Real>
bool take_shares(std::int64_t splits, std::int64_t bins, const std::int64_t* counts,
                 const std::int64_t* outside, Shares<Real> shares, std::int64_t* joined) {
  const std::int64_t cells = bins + 2;
  std::fill_n(joined, cells, 0);
  bool known = true;
  std::int64_t total = 0;
  for (std::int64_t split = 0; split < splits; ++split) {
    const std::int64_t* row = counts + split * bins;
    const std::int64_t* beyond = outside + split * 2;
    std::int64_t size = beyond[0] + beyond[1];
    for (std::int64_t bin = 0; bin < bins; ++bin) {
      size += row[bin];
      joined[bin + 1] += row[bin];
    }
    joined[0] += beyond[0];
    joined[cells - 1] += beyond[1];
    total += size;
    known = known && size > 0;
    const double each = 1.0 / static_cast<double>(std::max<std::int64_t>(size, 1));
    Real* share = shares.splits + split * cells;
    share[0] = static_cast<Real>(static_cast<double>(beyond[0]) * each);
    for (std::int64_t bin = 0; bin < bins; ++bin) {
      share[bin + 1] = static_cast<Real>(static_cast<double>(row[bin]) * each);
    }
    share[cells - 1] = static_cast<Real>(static_cast<double>(beyond[1]) * each);
  }
  const double each = 1.0 / static_cast<double>(std::max<std::int64_t>(total, 1));
  for (std::int64_t cell = 0; cell < cells; ++cell) {
    shares.pooled[cell] = static_cast<Real>(static_cast<double>(joined[cell]) * each);
  }
  return known;
}

template <class Real>
std::int64_t multiply_motion(std::int64_t splits, std::int64_t cells, Shares<const Real> before,
                             Shares<const Real> now, double* products) {
  return multiply<Real, 1>(splits, cells, before, now, products);
}

Judged judge_motion(std::int64_t splits, const double* products, std::int64_t occupied,
                    double independent) {
  const auto count = static_cast<double>(splits);
  double diagonal = 0;
  double pairs = 0;
  for (std::int64_t g = 0; g < splits; ++g) {
    diagonal += products[g * splits + g];
    for (std::int64_t h = 0; h < g; ++h) {
      pairs += 2 * products[g * splits + h];
    }
  }
  const double mean = pairs / (count * (count - 1));
  const double noise = std::max(diagonal / count - mean, 0.0);
  const double variance = noise * (noise + 2 * std::max(mean, 0.0));
  const auto cells = static_cast<double>(std::max<std::int64_t>(occupied, 1));
  const double error = std::sqrt(variance / (count * (count - 1) / 2 * independent * cells));
  return {mean, error > 0 ? mean / error : 0.0};
}

template bool take_shares(std::int64_t, std::int64_t, const std::int64_t*, const std::int64_t*,
                          Shares<float>, std::int64_t*);
template bool take_shares(std::int64_t, std::int64_t, const std::int64_t*, const std::int64_t*,
                          Shares<double>, std::int64_t*);
template std::int64_t multiply_motion(std::int64_t, std::int64_t, Shares<const float>,
                                      Shares<const float>, double*);
template std::int64_t multiply_motion(std::int64_t, std::int64_t, Shares<const double>,
                                      Shares<const double>, double*);

}  // namespace igfast::record
