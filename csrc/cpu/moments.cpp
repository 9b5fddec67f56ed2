#include "cpu/moments.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>

#include "cpu/float_environment.h"
#include "cpu/operations.h"

namespace igfast {

void CentralSums::merge(const CentralSums& other) {
  nan += other.nan;
  inf += other.inf;
  if (other.count == 0) {
    return;
  }
  const auto n_a = static_cast<double>(count);
  const auto n_b = static_cast<double>(other.count);
  const double n = n_a + n_b;
  const double delta = other.mean - mean;
  const double step = delta / n;
  const double cross = delta * step * n_a * n_b;  // delta^2 n_a n_b / n
  m4 += other.m4 + cross * step * step * (n_a * n_a - n_a * n_b + n_b * n_b) +
        6.0 * step * step * (n_a * n_a * other.m2 + n_b * n_b * m2) +
        4.0 * step * (n_a * other.m3 - n_b * m3);
  m3 += other.m3 + cross * step * (n_a - n_b) + 3.0 * step * (n_a * other.m2 - n_b * m2);
  m2 += other.m2 + cross;
  mean = count == 0 ? other.mean : mean + step * n_b;
  count += other.count;
  zeros += other.zeros;
  minimum = std::min(minimum, other.minimum);
  maximum = std::max(maximum, other.maximum);
  sum += other.sum;
  squares += other.squares;
}

double shift_near(double mean, double variance) {
  constexpr double kSmall = 1.0 / 16;  // mean^2 / variance
  if (mean * mean <= kSmall * variance) {
    return 0.0;
  }
  // As far from the mean as a 16th of the deviation at most. With 20 bits count * shift^2 is exact.
  int kept = 20;
  if (variance > 0.0) {
    kept = std::clamp(std::ilogb(mean) - std::ilogb(variance) / 2 + 4, kept, 53);
  }
  const std::uint64_t dropped = (std::uint64_t{1} << (53 - kept)) - 1;
  const std::uint64_t bits = bits_from_double(mean) & ~dropped;
  double shift;
  std::memcpy(&shift, &bits, sizeof shift);
  return std::isfinite(shift) ? shift : 0.0;
}

// Rounding may leave a sum of squares below zero; NaN, where powers overflowed, stays NaN.
double not_negative(double sum) { return sum < 0.0 ? 0.0 : sum; }

CentralSums central_sums(const MomentSums& sums) {
  CentralSums result;
  result.nan = sums.nan;
  result.inf = sums.inf;
  if (sums.count == 0) {
    return result;
  }
  const auto n = static_cast<double>(sums.count);
  const double shift = sums.shift;
  const double s1 = sum_lanes(sums.first);
  const double s2 = sum_lanes(sums.second);
  const double s3 = sum_lanes(sums.third);
  const double s4 = sum_lanes(sums.fourth);
  const double mu = s1 / n;  // mean - shift
  result.count = sums.count;
  result.zeros = sums.zeros;
  for (int lane = 0; lane < MomentSums::kLanes; ++lane) {
    result.minimum = std::min(result.minimum, sums.minimum[lane]);
    result.maximum = std::max(result.maximum, sums.maximum[lane]);
  }
  result.sum = n * shift + s1;
  result.squares = not_negative((s2 + 2.0 * shift * s1) + n * (shift * shift));
  if (std::isnan(result.squares)) {  // only an overflow makes it so
    result.squares = std::numeric_limits<double>::infinity();
  }
  result.mean = shift + mu;
  result.m2 = not_negative(s2 - mu * s1);
  result.m3 = s3 - mu * (3.0 * s2 - 2.0 * mu * s1);
  result.m4 = not_negative(s4 - mu * (4.0 * s3 - mu * (6.0 * s2 - 3.0 * mu * s1)));
  return result;
}

void write_moments(const igf_tensor* tensors, std::int64_t tensor_count, std::int64_t rows,
                   const Work& work, const std::vector<CentralSums>& partials,
                   const igf_moments_output& output) {
  const FloatEnvironment ieee;
  std::vector<CentralSums> totals(static_cast<std::size_t>(rows));
  for (std::int64_t t = 0; t < tensor_count; ++t) {
    CentralSums& total = totals[static_cast<std::size_t>(tensors[t].row)];
    for (std::int64_t c = work.first_chunk(t); c < work.first_chunk(t + 1); ++c) {
      total.merge(partials[static_cast<std::size_t>(c)]);
    }
  }
  for (std::int64_t row = 0; row < rows; ++row) {
    CentralSums& total = totals[static_cast<std::size_t>(row)];
    if (total.count > 0 && total.minimum == total.maximum) {  // constant: exactly no spread
      total.mean = total.minimum;
      total.m2 = total.m3 = total.m4 = 0.0;
    } else if (total.count > 0 && std::isfinite(total.sum)) {
      total.mean = total.sum / static_cast<double>(total.count);
    }
    std::int64_t* integers = output.integers + 4 * row;
    integers[0] = total.count;
    integers[1] = total.nan;
    integers[2] = total.inf;
    integers[3] = total.zeros;
    // + 0.0 turns -0.0 into 0.0: which of the two zeros is the smaller must not depend on order.
    const double floats[8] = {total.minimum + 0.0,
                              total.maximum + 0.0,
                              total.sum,
                              total.squares,
                              total.mean + 0.0,
                              total.m2,
                              total.m3,
                              total.m4};
    std::copy_n(floats, 8, output.floats + 8 * row);
  }
}

namespace {

class MomentsWorker {
 public:
  MomentsWorker(const Kernels& kernels, const igf_moments_args& args,
                std::vector<CentralSums>& partials)
      : kernels_(kernels), args_(args), partials_(partials) {}

  void take(const Chunk& chunk) {
    const igf_tensor& tensor = args_.tensors[chunk.tensor];
    dispatch_dtype("moments", tensor.dtype, [&](auto tag) {
      using T = typename decltype(tag)::type;
      ChunkMoments moments(first_shift<T>(tensor, chunk));
      for_each_run<T>(tensor, chunk, kRunBlocks,
                      [&](const auto& run) { moments.add(kernels_, run); });
      partials_[static_cast<std::size_t>(chunk.index)] = moments.finish();
    });
  }

  void finish() {}

 private:
  const Kernels& kernels_;
  const igf_moments_args& args_;
  std::vector<CentralSums>& partials_;
};

}  // namespace

void moments_cpu(igf_moments_args& args) {
  const Kernels& kernels = current_kernels();
  const Work work(args.tensors, args.tensor_count);
  std::vector<CentralSums> partials(static_cast<std::size_t>(work.chunk_count()));
  args.threads_used = work.share(
      work.useful_threads(args.threads), [] {},
      [&] { return std::make_unique<MomentsWorker>(kernels, args, partials); });
  args.isa_used = isa_name(kernels.isa);
  write_moments(args.tensors, args.tensor_count, args.rows, work, partials, args.output);
}

}  // namespace igfast
