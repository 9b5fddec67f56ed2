// The table of a vector ISA, over its own headers, which are included first. Included by the ISA
// files only, within which it must stay: everything here is in an unnamed namespace.
#ifndef IGFAST_CPU_VECTOR_LOOPS_H
#define IGFAST_CPU_VECTOR_LOOPS_H

#include "cpu/kernels.h"
#include "cpu/pair_loops.h"
#include "cpu/word_loops.h"

namespace igfast {
namespace {

template <class T>
constexpr StorageKernels<T> storage_kernels() {
  return {count_uniform<T>,
          count_dyadic<T, std::uint32_t>,
          count_dyadic<T, std::uint64_t>,
          count_log<T, std::uint32_t>,
          count_log<T, std::uint64_t>,
          count_uniform_fixed<T, Pairs>,
          count_dyadic_pairs<T>,
          count_log_pairs<T>,
          count_uniform_fixed<T, Singles>,
          add_moments<T>,
          count_dyadic_moments<T>};
}

template <Isa kIsa>
const Kernels& vector_kernels() {
  static const Kernels table = {kIsa,
                                empty_pairs,
                                storage_kernels<double>(),
                                storage_kernels<float>(),
                                storage_kernels<Float16>(),
                                storage_kernels<BFloat16>(),
                                storage_kernels<Float8E4M3FN>(),
                                storage_kernels<Float8E5M2>()};
  return table;
}

}  // namespace
}  // namespace igfast

#endif
