// Moments of chunks, and their merging in chunk order into the rows of the output.
#ifndef IGFAST_CPU_MOMENTS_H
#define IGFAST_CPU_MOMENTS_H

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <limits>
#include <vector>

#include "backend.h"
#include "cpu/kernels.h"
#include "cpu/moment_sums.h"
#include "cpu/runs.h"
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

// A shift near the mean, of as many bits as the deviation asks for. None where the mean is small
// beside it, as weights and gradients have it: sums would not be more exact, and it takes time.
double shift_near(double mean, double variance);

// A shift for the first group of a chunk, by some finite values from all over it. Only sums near
// the truth are needed: no lanes.
template <class T>
double first_shift(const igf_tensor& tensor, const Chunk& chunk) {
  constexpr std::int64_t kSample = 64;
  const std::int64_t size = std::min(chunk.end - chunk.begin, kRunBlocks * kBlock);
  const std::int64_t stride = (size + kSample - 1) / kSample | 1;  // odd: not down one column
  double count = 0.0;
  double first = 0.0;
  double sum = 0.0;  // of differences to the first: large squares would hide the deviation
  double squares = 0.0;
  for (std::int64_t position = 0; position < size; position += stride) {
    T value;
    std::memcpy(&value, tensor_bytes(tensor) + (chunk.begin + position) * sizeof(T), sizeof value);
    const auto x = static_cast<double>(widen(value));
    if (x - x == 0.0) {
      first = count == 0.0 ? x : first;
      count += 1.0;
      sum += x - first;
      squares += (x - first) * (x - first);
    }
  }
  if (count == 0.0) {
    return 0.0;
  }
  const double beyond = sum / count;
  return shift_near(first + beyond, squares / count - beyond * beyond);
}

// Takes the runs of one chunk in order.
class ChunkMoments {
 public:
  // With what first_shift gives.
  explicit ChunkMoments(double shift) : group_(shift) {}

  template <class T>
  void add(const Kernels& kernels, const Run<T>& run) {
    add(run, [&](MomentSums& sums) { return kernels.of(TypeTag<T>{}).moments(run, sums); });
  }

  // loop(sums) adds the run, of whole blocks, or returns false.
  template <class T, class Loop>
  void add(const Run<T>& run, const Loop& loop) {
    if (blocks_ > 0 && blocks_ % kRunBlocks == 0) {
      total_.merge(central_sums(group_));
      const double count = static_cast<double>(std::max<std::int64_t>(total_.count, 1));
      group_ = MomentSums(shift_near(total_.mean, total_.m2 / count));
    }
    blocks_ += (run.size + kBlock - 1) / kBlock;
    if (!is_whole(run) || !loop(group_)) {
      add_values(run, run.last, group_);
    }
  }

  CentralSums finish() {
    total_.merge(central_sums(group_));
    return total_;
  }

  template <class T>
  static bool is_whole(const Run<T>& run) {
    return (run.last - run.first) % kBlock == 0;
  }

 private:
  template <class T>
  static void add_values(const Run<T>& run, std::int32_t last, MomentSums& sums) {
    for (std::int32_t j = run.first; j < last; ++j) {
      add_value(sums, j & (MomentSums::kLanes - 1), static_cast<double>(widen(run.values[j])));
    }
  }

  std::int64_t blocks_ = 0;
  MomentSums group_;
  CentralSums total_;
};

// One partial result per chunk of `work`, merged into [rows] in tensor and chunk order.
void write_moments(const igf_tensor* tensors, std::int64_t tensor_count, std::int64_t rows,
                   const Work& work, const std::vector<CentralSums>& partials,
                   const igf_moments_output& output);

}  // namespace igfast

#endif
