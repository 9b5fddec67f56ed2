// Zeros, minimum and maximum of the finite values: what the automatic dyadic bins follow. All are
// order-free, so every thread count and instruction set agrees.
#ifndef IGFAST_CPU_EXTENTS_H
#define IGFAST_CPU_EXTENTS_H

#include <cstdint>
#include <limits>

namespace igfast {

// Kept by lane until a row is done: reducing eight lanes at every block would cost more than the
// comparisons.
template <class V>
struct Extents {
  static constexpr int kLanes = 8;
  V minimum[kLanes];
  V maximum[kLanes];
  std::int64_t zeros = 0;

  Extents() {
    for (int lane = 0; lane < kLanes; ++lane) {
      minimum[lane] = std::numeric_limits<V>::infinity();
      maximum[lane] = -std::numeric_limits<V>::infinity();
    }
  }
};

}  // namespace igfast

#endif
