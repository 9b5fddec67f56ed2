// A counted record as the bytes that a run store keeps: `docs/store.md` describes them.
#ifndef IGFAST_RECORD_ROWS_H
#define IGFAST_RECORD_ROWS_H

#include <cstdint>
#include <vector>

#include "record/coding.h"

namespace igfast::record {

using Bytes = std::vector<std::uint8_t>;

// Exponents and origins of dyadic bins, (L) each, or null.
struct Bins {
  const std::int64_t* exponents;
  const std::int64_t* origins;
};

// Directory and segments.
Found pack_histograms(const Cells& cells, const Bins& bins, std::int64_t difference_from,
                      std::uint32_t start, Bytes* directory, Bytes* segments);

struct Numbers {
  std::int64_t layers;
  const float* running;          // (M, L)
  std::int64_t measures;         // M
  const std::int64_t* integers;  // (4, L) or null, as is `floats` (9, L)
  const double* floats;
  const std::int64_t* bins;  // (2, L) or null
};

// The running measures, and all else.
void pack_numbers(const Numbers& numbers, std::uint32_t start, Bytes* running, Bytes* data);

}  // namespace igfast::record

#endif
