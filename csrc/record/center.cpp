#include "record/center.h"

namespace igfast::record {

void find_centers(std::int64_t layers, std::int64_t bins, std::int64_t tail,
                  const std::int64_t* counts, const std::int64_t* underflow,
                  const std::int64_t* overflow, const std::int64_t* zeros,
                  const std::int64_t* zero_cell, Center* centers) {
  for (std::int64_t layer = 0; layer < layers; ++layer) {
    const std::int64_t* row = counts + layer * bins;
    const auto in_cell = [&](std::int64_t cell) {
      const std::int64_t held = cell < 0       ? underflow[layer]
                                : cell == bins ? overflow[layer]
                                               : row[cell];
      return cell == zero_cell[layer] ? held - zeros[layer] : held;
    };
    std::int64_t total = underflow[layer] + overflow[layer] - zeros[layer];
    for (std::int64_t bin = 0; bin < bins; ++bin) {
      total += row[bin];
    }
    const std::int64_t spare = total >> tail;
    // nothing, or nothing but zeros, has no center: the ends stay where they are
    std::int64_t first = -1;
    std::int64_t last = bins;
    if (total > 0) {
      for (std::int64_t sum = in_cell(first); sum <= spare && first < bins;
           sum += in_cell(++first)) {
      }
      for (std::int64_t sum = in_cell(last); sum <= spare && last >= 0; sum += in_cell(--last)) {
      }
    }
    centers[layer] = {total, in_cell(-1) + in_cell(bins), first, last};
  }
}

}  // namespace igfast::record
