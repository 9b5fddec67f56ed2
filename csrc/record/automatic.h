// Automatic dyadic bins: the rule of docs/decisions/0001-automatic-grid.md.
#ifndef IGFAST_RECORD_AUTOMATIC_H
#define IGFAST_RECORD_AUTOMATIC_H

#include <cstdint>

namespace igfast::record {

struct DyadicBins {
  std::int64_t exponent;
  std::int64_t origin;
};

// What the rule reads of one layer. `low` and `high` are the finite extremes, inf and -inf where
// there is none.
struct Observed {
  const std::int64_t* counts;   // (G, B)
  const std::int64_t* outside;  // (G, 2)
  std::int64_t splits, bins;
  std::int64_t zeros;
  double low, high;
  std::int64_t precision;  // significand bits of the dtype
};

// From the extremes alone.
DyadicBins start_bins(double low, double high, std::int64_t bins, std::int64_t precision);

// For the next record, given what this one looked like on its own bins. `first` refines at once,
// for the repeated counting of a first record. `sums` is room for B numbers.
DyadicBins follow_bins(DyadicBins now, const Observed& seen, bool first, std::int64_t* sums);

// Of L layers: counts (L, G, B), outside (L, G, 2), and one number of each, so many words apart.
struct ObservedLayers {
  std::int64_t layers, splits, bins;
  const std::int64_t* counts;
  const std::int64_t* outside;
  const std::int64_t* zeros;
  const double *low, *high;
  std::int64_t zeros_step, low_step, high_step;
  const std::int64_t* precision;
};

// `next` (2, L): exponents and origins for the next record. Whether any bins moved.
bool follow_layers(const std::int64_t* exponents, const std::int64_t* origins,
                   const ObservedLayers& seen, bool first, std::int64_t* next);

}  // namespace igfast::record

#endif
