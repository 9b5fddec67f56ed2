#include "record/motion.h"

#include <algorithm>
#include <cmath>
#include <vector>

namespace igfast::record {
namespace {

constexpr std::int64_t kMostSplits = 8;

// The numbers of one layer; kSplits is 0 where they are known only at run time. Sums are local, so
// that they stay in registers.
template <std::int64_t kSplits>
std::int64_t multiply_layer(std::int64_t splits_given, std::int64_t cells, Shares before,
                            Shares now, double* products) {
  constexpr std::int64_t kRoom = kSplits == 0 ? kMostSplits : kSplits;
  const std::int64_t splits = kSplits == 0 ? splits_given : kSplits;
  double sums[kRoom][kRoom] = {};
  double changes[kRoom] = {};
  std::int64_t occupied = 0;
  for (std::int64_t cell = 0; cell < cells; ++cell) {
    const double sum = before.pooled[cell] + now.pooled[cell];
    if (!(sum > 0)) {
      continue;
    }
    ++occupied;
    const double weight = 2.0 / sum;
    for (std::int64_t g = 0; g < splits; ++g) {
      changes[g] = now.splits[g * cells + cell] - before.splits[g * cells + cell];
    }
    for (std::int64_t g = 0; g < splits; ++g) {
      const double weighted = changes[g] * weight;
      for (std::int64_t h = 0; h <= g; ++h) {
        sums[g][h] += weighted * changes[h];
      }
    }
  }
  for (std::int64_t g = 0; g < splits; ++g) {
    for (std::int64_t h = 0; h <= g; ++h) {
      products[g * splits + h] = products[h * splits + g] = sums[g][h];
    }
  }
  return occupied;
}

}  // namespace

void take_shares(std::int64_t layers, std::int64_t splits, std::int64_t bins,
                 const std::int64_t* counts, const std::int64_t* outside, double* shares,
                 double* pooled, std::uint8_t* known) {
  const std::int64_t cells = bins + 2;
  std::vector<std::int64_t> joined(static_cast<std::size_t>(cells));
  for (std::int64_t layer = 0; layer < layers; ++layer) {
    std::fill(joined.begin(), joined.end(), 0);
    std::int64_t total = 0;
    known[layer] = 1;
    for (std::int64_t split = 0; split < splits; ++split) {
      const std::int64_t* row = counts + (layer * splits + split) * bins;
      const std::int64_t* beyond = outside + (layer * splits + split) * 2;
      std::int64_t size = beyond[0] + beyond[1];
      for (std::int64_t bin = 0; bin < bins; ++bin) {
        size += row[bin];
        joined[static_cast<std::size_t>(bin + 1)] += row[bin];
      }
      joined.front() += beyond[0];
      joined.back() += beyond[1];
      total += size;
      known[layer] &= static_cast<std::uint8_t>(size > 0);
      const double each = 1.0 / static_cast<double>(std::max<std::int64_t>(size, 1));
      double* share = shares + (layer * splits + split) * cells;
      share[0] = static_cast<double>(beyond[0]) * each;
      for (std::int64_t bin = 0; bin < bins; ++bin) {
        share[bin + 1] = static_cast<double>(row[bin]) * each;
      }
      share[cells - 1] = static_cast<double>(beyond[1]) * each;
    }
    const double each = 1.0 / static_cast<double>(std::max<std::int64_t>(total, 1));
    for (std::int64_t cell = 0; cell < cells; ++cell) {
      pooled[layer * cells + cell] =
          static_cast<double>(joined[static_cast<std::size_t>(cell)]) * each;
    }
  }
}

void multiply_motion(std::int64_t layers, std::int64_t splits, std::int64_t cells, Shares before,
                     Shares now, double* products, std::int64_t* occupied) {
  const auto one = splits == 4 ? multiply_layer<4> : multiply_layer<0>;
  for (std::int64_t layer = 0; layer < layers; ++layer) {
    const auto of = [&](Shares record) {
      return Shares{record.splits + layer * splits * cells, record.pooled + layer * cells};
    };
    occupied[layer] = one(splits, cells, of(before), of(now), products + layer * splits * splits);
  }
}

void judge_motion(std::int64_t layers, std::int64_t splits, const double* products,
                  const std::int64_t* occupied, std::int64_t first, std::int64_t end,
                  double independent, double* shared, double* clearness) {
  const auto count = static_cast<double>(end - first);
  for (std::int64_t layer = 0; layer < layers; ++layer) {
    const double* matrix = products + layer * splits * splits;
    double diagonal = 0;
    double pairs = 0;
    for (std::int64_t g = first; g < end; ++g) {
      diagonal += matrix[g * splits + g];
      for (std::int64_t h = first; h < g; ++h) {
        pairs += 2 * matrix[g * splits + h];
      }
    }
    const double mean = pairs / (count * (count - 1));
    const double noise = std::max(diagonal / count - mean, 0.0);
    const double variance = noise * (noise + 2 * std::max(mean, 0.0));
    const auto cells = static_cast<double>(std::max<std::int64_t>(occupied[layer], 1));
    const double error = std::sqrt(variance / (count * (count - 1) / 2 * independent * cells));
    shared[layer] = mean;
    clearness[layer] = error > 0 ? mean / error : 0.0;
  }
}

}  // namespace igfast::record
