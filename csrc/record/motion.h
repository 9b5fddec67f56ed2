// Shares of a record in its cells, and how far splits moved between two records.
#pragma once

#include <cstdint>

namespace igfast::record {

// From (L, G, B) counts and (L, G, 2) counts outside: (L, G, B+2) shares of each split in
// underflow, bins, overflow; (L, B+2) shares of all splits; (L,) 1 where no split is empty.
void take_shares(std::int64_t layers, std::int64_t splits, std::int64_t bins,
                 const std::int64_t* counts, const std::int64_t* outside, double* shares,
                 double* pooled, std::uint8_t* known);

struct Shares {
  const double* splits;  // (L, G, C)
  const double* pooled;  // (L, C)
};

// (L, G, G) products sum over cells of dp_g dp_h / p with p between the two records, and (L,) how
// many cells are occupied in either.
void multiply_motion(std::int64_t layers, std::int64_t splits, std::int64_t cells, Shares before,
                     Shares now, double* products, std::int64_t* occupied);

// From the products of the splits from first up to end: (L,) mean over their pairs, and how many
// standard errors that is, noise being what a split has more than the splits share. `independent`
// is the share of the occupied cells whose noise counts as such.
void judge_motion(std::int64_t layers, std::int64_t splits, const double* products,
                  const std::int64_t* occupied, std::int64_t first, std::int64_t end,
                  double independent, double* shared, double* clearness);

}  // namespace igfast::record
