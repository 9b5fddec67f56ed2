#include <algorithm>
#include <cstring>

#include "cpu/isa.h"
#include "cpu/operations.h"
#include "cpu/uniform_table.h"

namespace igfast {

void histogram_cpu(igf_histogram_args& args) {
  const igf_grid& grid = args.grid;
  const std::int64_t cells = args.rows * args.splits * grid.bins;
  std::fill_n(args.split_counts, cells, 0);
  std::fill_n(args.split_outside, args.rows * args.splits * 2, 0);
  std::fill_n(args.nan, args.rows, 0);
  if (args.offsets != nullptr) std::fill_n(args.offsets, cells, 0);
  for (std::int64_t t = 0; t < args.tensor_count; ++t) {
    const igf_tensor& tensor = args.tensors[t];
    dispatch_dtype("histogram", tensor.dtype, [&](auto tag) {
      using T = typename decltype(tag)::type;
      using V = Widened<T>;
      const auto* source = reinterpret_cast<const unsigned char*>(tensor.pointer);
      UniformTable<V> table;
      if (grid.kind == IGF_UNIFORM)
        table.build(grid.edges + (grid.edge_rows > 1 ? tensor.row * (grid.bins + 1) : 0), grid.bins);
      for (std::int64_t j = 0; j < tensor.numel; ++j) {
        T stored;
        std::memcpy(&stored, source + j * sizeof(T), sizeof(T));
        const V x = widen(stored);
        Placed placed{};
        if (grid.kind == IGF_UNIFORM) {
          placed = place(table.rule(), x);
        } else if (grid.kind == IGF_DYADIC) {
          placed = place(DyadicRule{static_cast<std::int32_t>(grid.exponents[tensor.row]),
                                    static_cast<std::int32_t>(grid.bins), grid.origins[tensor.row]}, x);
        } else {
          const auto half = static_cast<std::int32_t>((grid.max_exponent - grid.min_exponent) << grid.mantissa_bits);
          placed = place(LogRule{static_cast<std::int32_t>(grid.mantissa_bits),
                                 static_cast<std::int32_t>(grid.min_exponent), half, 0,
                                 static_cast<std::int32_t>(grid.bins)}, x);
        }
        const std::int64_t i = tensor.start + j;
        const std::int64_t split = (i + block_rotation(i)) & (args.splits - 1);
        const std::int64_t row = tensor.row * args.splits + split;
        if (placed.cell == kNanCell) {
          ++args.nan[tensor.row];
        } else if (placed.cell == kUnderflowCell) {
          ++args.split_outside[row * 2];
        } else if (placed.cell == grid.bins + kFirstBinCell) {
          ++args.split_outside[row * 2 + 1];
        } else {
          const std::int64_t cell = row * grid.bins + placed.cell - kFirstBinCell;
          ++args.split_counts[cell];
          if (args.offsets != nullptr) args.offsets[cell] += placed.digit;
        }
      }
    });
  }
  if (args.moments.integers != nullptr) {
    igf_moments_args moments{};
    moments.tensors = args.tensors;
    moments.tensor_count = args.tensor_count;
    moments.rows = args.rows;
    moments.output = args.moments;
    moments_cpu(moments);
  }
  args.isa_used = "scalar";
  args.threads_used = 1;
}

void moments_cpu(igf_moments_args& args) {
  for (std::int64_t r = 0; r < args.rows; ++r) {
    std::int64_t* integers = args.output.integers + 4 * r;
    double* f = args.output.floats + 8 * r;
    std::fill_n(integers, 4, 0);
    std::fill_n(f, 8, 0.0);
    f[0] = std::numeric_limits<double>::infinity();
    f[1] = -f[0];
    for (int pass = 0; pass < 2; ++pass) {
      if (pass == 1) {
        if (integers[0] == 0) break;
        f[4] = f[2] / static_cast<double>(integers[0]);
      }
      for (std::int64_t t = 0; t < args.tensor_count; ++t) {
        const igf_tensor& tensor = args.tensors[t];
        if (tensor.row != r) continue;
        dispatch_dtype("moments", tensor.dtype, [&](auto tag) {
          using T = typename decltype(tag)::type;
          const auto* source = reinterpret_cast<const unsigned char*>(tensor.pointer);
          for (std::int64_t j = 0; j < tensor.numel; ++j) {
            T stored;
            std::memcpy(&stored, source + j * sizeof(T), sizeof(T));
            const double x = widen(stored);
            if (pass == 0) {
              if (x != x) { ++integers[1]; continue; }
              if (std::isinf(x)) { ++integers[2]; continue; }
              ++integers[0];
              integers[3] += x == 0;
              f[0] = std::min(f[0], x);
              f[1] = std::max(f[1], x);
              f[2] += x;
              f[3] += x * x;
            } else if (std::isfinite(x)) {
              const double d = x - f[4];
              f[5] += d * d;
              f[6] += d * d * d;
              f[7] += d * d * d * d;
            }
          }
        });
      }
    }
  }
  args.isa_used = "scalar";
  args.threads_used = 1;
}

}  // namespace igfast
