// Chooses among the compiled kernels.
#ifndef IGFAST_CUDA_KERNELS_H
#define IGFAST_CUDA_KERNELS_H

#include <cstdint>

#include "backend.h"
#include "cuda/histogram.cuh"
#include "cuda/tuning.h"

namespace igfast {

struct HistogramKernel {
  const char* name;
  void (*function)(HistogramLaunch);
  // 32-bit words of shared memory for counters.
  std::int64_t (*words)(std::int64_t cells, std::int64_t splits);
};

// A histogram with or without offsets and moments, counting where `counters` says (not kAutomatic).
const HistogramKernel& histogram_kernel_for(igf_grid_kind grid, CounterKind counters, bool offsets,
                                            bool moments);
const HistogramKernel& moments_kernel();

}  // namespace igfast

#endif
