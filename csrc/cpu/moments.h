// Moments of chunks, and their merging in chunk order into the rows of the output.
#ifndef IGFAST_CPU_MOMENTS_H
#define IGFAST_CPU_MOMENTS_H

#include <cstdint>
#include <limits>
#include <vector>

#include "backend.h"
#include "cpu/blocks.h"
#include "cpu/kernels.h"
#include "cpu/moment_sums.h"
#include "cpu/work.h"

namespace igfast {

struct CentralSums {
  std::int64_t count = 0;
  std::int64_t nan = 0;
  std::int64_t inf = 0;
  std::int64_t zeros = 0;
  double minimum = std::numeric_limits<double>::infinity();
  double maximum = -std::numeric_limits<double>::infinity();
  double sum = 0.0;
  double squares = 0.0;
  double mean = 0.0;
  double m2 = 0.0;
  double m3 = 0.0;
  double m4 = 0.0;

  // Pairwise update of Chan, Golub, LeVeque (1979) and Pebay (2008).
  void merge(const CentralSums& other);
};

CentralSums central_sums(const MomentSums& sums);

// A shift near `mean`, of 20 significant bits.
double rounded_shift(double mean);

// Takes the blocks of one chunk in order.
class ChunkMoments {
 public:
  template <class T>
  void add(const Kernels& kernels, const Block<T>& block) {
    if (blocks_ == 0) {
      group_ = MomentSums(rounded_shift(block_mean(block)));
    } else if (blocks_ % kGroup == 0) {
      total_.merge(central_sums(group_));
      group_ = MomentSums(rounded_shift(total_.mean));
    }
    ++blocks_;
    const bool full = block.last - block.first == kBlock;
    if (!full || !kernels.of(TypeTag<T>{}).moments(block, group_)) {
      for (std::int32_t j = block.first; j < block.last; ++j) {
        add_value(group_, j & (MomentSums::kLanes - 1),
                  static_cast<double>(widen(block.values[j])));
      }
    }
  }

  CentralSums finish() {
    total_.merge(central_sums(group_));
    return total_;
  }

 private:
  static constexpr std::int64_t kGroup = 16;

  template <class T>
  static double block_mean(const Block<T>& block) {
    MomentSums sums(0.0);
    for (std::int32_t j = block.first; j < block.last; ++j) {
      add_value(sums, j & (MomentSums::kLanes - 1), static_cast<double>(widen(block.values[j])));
    }
    return central_sums(sums).mean;
  }

  std::int64_t blocks_ = 0;
  MomentSums group_{0.0};
  CentralSums total_;
};

// One partial result per chunk of `work`, merged into [rows] in tensor and chunk order.
void write_moments(const igf_tensor* tensors, std::int64_t tensor_count, std::int64_t rows,
                   const Work& work, const std::vector<CentralSums>& partials,
                   const igf_moments_output& output);

}  // namespace igfast

#endif
