// Shares of a layer in its cells, and how far its splits moved between two records.
#pragma once

#include <cstdint>

namespace igfast::record {

constexpr std::int64_t kMostSplits = 8;  // 1, 2, 4 or 8 of them

// Of one layer: (G, C) of each split, (C,) of all splits. In single precision they take half the
// memory, and what that rounds away is far below the noise of the counts.
template <class Real>
struct Shares {
  Real* splits;
  Real* pooled;
};

// From counts (G, B) and counts outside (G, 2): shares in underflow, bins, overflow. `joined` (C,)
// takes the counts of all splits. Whether no split is empty.
template <class Real>
bool take_shares(std::int64_t splits, std::int64_t bins, const std::int64_t* counts,
                 const std::int64_t* outside, Shares<Real> shares, std::int64_t* joined);

// (G, G) products sum over cells of dp_g dp_h / p with p between the two records; returns how many
// cells are occupied in either.
template <class Real>
std::int64_t multiply_motion(std::int64_t splits, std::int64_t cells, Shares<const Real> before,
                             Shares<const Real> now, double* products);

// From products (G, G) of two splits or more: the mean over their pairs, and how many standard
// errors that is, noise being what a split has more than the splits share. `independent` is the
// share of the occupied cells whose noise counts as such.
struct Judged {
  double shared;
  double clearness;
};
Judged judge_motion(std::int64_t splits, const double* products, std::int64_t occupied,
                    double independent);

}  // namespace igfast::record
