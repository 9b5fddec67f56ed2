// Chooses among the compiled kernels.
#ifndef IGFAST_CUDA_KERNELS_H
#define IGFAST_CUDA_KERNELS_H

#include <cstdint>

#include "backend.h"
#include "cuda/launch.h"
#include "cuda/tuning.h"

namespace igfast {

// What of offsets or moments a kernel does.
enum class Serves : int { kWithout, kWith, kEither };

struct HistogramKernel {
  const char* name;
  igf_grid_kind grid;
  CounterKind counters;
  Serves offsets;
  Serves moments;
  void (*function)(HistogramLaunch);
  // 32-bit words of shared memory for counters.
  std::int64_t (*words)(std::int64_t cells, std::int64_t splits);
};

struct KernelList {
  const HistogramKernel* first;
  int count;
};

// Each in a file of its own, which are compiled side by side.
KernelList uniform_kernels();
KernelList dyadic_kernels();
KernelList log_kernels();
const HistogramKernel& moments_kernel();

// A histogram with or without offsets and moments, counting where `counters` says (not kAutomatic).
const HistogramKernel& histogram_kernel_for(igf_grid_kind grid, CounterKind counters, bool offsets,
                                            bool moments);

}  // namespace igfast

#endif
