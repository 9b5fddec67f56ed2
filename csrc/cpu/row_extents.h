// Extents of one thread for one output row, whose tensors may differ in dtype.
#ifndef IGFAST_CPU_ROW_EXTENTS_H
#define IGFAST_CPU_ROW_EXTENTS_H

#include <algorithm>
#include <cstdint>
#include <limits>
#include <mutex>

#include "backend.h"
#include "cpu/extents.h"
#include "cpu/row_words.h"

namespace igfast {

inline void clear_extents(const igf_extents_output& output, std::int64_t rows) {
  for (std::int64_t row = 0; row < rows; ++row) {
    output.zeros[row] = 0;
    output.extremes[2 * row] = std::numeric_limits<double>::infinity();
    output.extremes[2 * row + 1] = -std::numeric_limits<double>::infinity();
  }
}

class RowExtents {
 public:
  Extents<float>& of(float) { return of_float_; }
  Extents<double>& of(double) { return of_double_; }

  // Adds to row `row` of the output, under the row's lock, and clears.
  void flush(const igf_extents_output& output, std::int64_t row, RowLocks& locks) {
    const std::lock_guard<std::mutex> lock(locks.of(row));
    add(of_float_, output, row);
    add(of_double_, output, row);
    of_float_ = Extents<float>();
    of_double_ = Extents<double>();
  }

 private:
  template <class V>
  static void add(const Extents<V>& extents, const igf_extents_output& output, std::int64_t row) {
    double& least = output.extremes[2 * row];
    double& most = output.extremes[2 * row + 1];
    output.zeros[row] += extents.zeros;
    for (int lane = 0; lane < Extents<V>::kLanes; ++lane) {
      // + 0.0 turns -0.0 into 0.0: which of the two zeros is met first must not matter.
      least = std::min(least, static_cast<double>(extents.minimum[lane])) + 0.0;
      most = std::max(most, static_cast<double>(extents.maximum[lane])) + 0.0;
    }
  }

  Extents<float> of_float_;
  Extents<double> of_double_;
};

}  // namespace igfast

#endif
