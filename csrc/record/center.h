// Where the elements of a layer lie on its grid.
#pragma once

#include <cstdint>

namespace igfast::record {

// What the rule of automatic bins reads of one layer's cells, zeros left aside.
struct Center {
  std::int64_t total;    // elements
  std::int64_t outside;  // of them beyond the grid
  std::int64_t first;    // first and last bin of all but the tails; -1 and B where that is beyond
  std::int64_t last;
};

// From (L, B) counts and (L,) others. A tail has total >> tail elements at most; `zero_cell` is
// where zeros were counted, -1 for underflow and B for overflow.
void find_centers(std::int64_t layers, std::int64_t bins, std::int64_t tail,
                  const std::int64_t* counts, const std::int64_t* underflow,
                  const std::int64_t* overflow, const std::int64_t* zeros,
                  const std::int64_t* zero_cell, Center* centers);

}  // namespace igfast::record
