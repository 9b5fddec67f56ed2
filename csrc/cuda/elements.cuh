// What a thread does with one vector: splits, places, counts and sums its elements.
#ifndef IGFAST_CUDA_ELEMENTS_CUH
#define IGFAST_CUDA_ELEMENTS_CUH

#include <cstdint>
#include <type_traits>

#include "cuda/counters.cuh"
#include "cuda/device.cuh"
#include "cuda/moments.cuh"
#include "cuda/rules.cuh"
#include "cuda/vector.cuh"

namespace igfast {

// Splits of the elements of a vector: element j of the first `crossing` lies in the 256-block of
// the first element, the others in the next.
struct VectorSplits {
  std::uint32_t before;
  std::uint32_t after;
  std::uint32_t crossing;
  std::uint32_t mask;

  __device__ VectorSplits(std::int64_t flat, std::int32_t splits)
      : before(static_cast<std::uint32_t>(flat) + block_rotation(flat)),
        after(static_cast<std::uint32_t>(flat) + block_rotation(flat + kBlock)),
        crossing(256u - (static_cast<std::uint32_t>(flat) & 255u)),
        mask(static_cast<std::uint32_t>(splits) - 1u) {}

  __device__ std::uint32_t operator()(std::uint32_t j) const {
    return ((j < crossing ? before : after) + j) & mask;
  }
};

// Any dtype, any rule, the first `valid` elements: the ends of tensors and the rare grids.
template <class Rule, class Counters, class Sums>
__device__ void add_exactly(uint4 data, int valid, std::int32_t dtype, std::int64_t flat,
                            std::int32_t splits, const Rule& rule, Counters& counters, Sums& sums) {
  const auto size = static_cast<unsigned>(item_size(dtype));
  if constexpr (!std::is_same<Sums, NoSums>::value) {
    double smallest = HUGE_VAL;
    uint4 rest = data;
    for (int j = 0; j < valid; ++j, rest = rotate(rest, size)) {
      const double x = first_element(rest, dtype);
      smallest = fabs(x) < fabs(smallest) ? x : smallest;
    }
    sums.choose_shift(smallest);
  }
  const VectorSplits split(flat, splits);
  for (int j = 0; j < valid; ++j, data = rotate(data, size)) {
    const double x = first_element(data, dtype);
    sums.add(x);
    const Placed placed = rule.place(x);
    counters.add(placed.cell, split(static_cast<std::uint32_t>(j)), placed.digit);
  }
}

// All elements of a vector, by the fast rule of the dtype.
template <class T, class Rule, class Counters, class Sums>
__device__ __forceinline__ void add_vector(uint4 data, std::int32_t dtype, std::int64_t flat,
                                           std::int32_t splits, const Rule& rule,
                                           Counters& counters, Sums& sums) {
  const int size = vector_size<T>(dtype);
  if constexpr (!std::is_same<Sums, NoSums>::value) {
    if (sums.count == 0) {
      double smallest = HUGE_VAL;
      for_each_element<T>(
          data, dtype, [&](int, double x) { smallest = fabs(x) < fabs(smallest) ? x : smallest; });
      sums.choose_shift(smallest);
    }
    for_each_element<T>(data, dtype, [&](int, double x) { sums.add(x); });
  }
  if (splits == 1) {
    for_each_element<T>(data, dtype, [&](int, auto x) {
      const Placed placed = rule.place(x);
      counters.add(placed.cell, 0, placed.digit);
    });
    return;
  }
  const VectorSplits split(flat, splits);
  unsigned turn = 0;
  if constexpr (Counters::kRotates) {
    // Lanes whose vectors start in the same split turn by different amounts.
    const unsigned lanes = splits > size ? static_cast<unsigned>(splits / size) : 1u;
    turn = (static_cast<unsigned>(lane_index()) / lanes) & static_cast<unsigned>(size - 1);
    data = rotate(data, turn * static_cast<unsigned>(16 / size));
  }
  for_each_element<T>(data, dtype, [&](int j, auto x) {
    const Placed placed = rule.place(x);
    counters.add(placed.cell,
                 split((static_cast<unsigned>(j) + turn) & static_cast<unsigned>(size - 1)),
                 placed.digit);
  });
}

}  // namespace igfast

#endif
