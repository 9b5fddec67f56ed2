// The seam between the kernels and what runs them: nvcc, or the block simulator of the tests.
#ifndef IGFAST_CUDA_DEVICE_CUH
#define IGFAST_CUDA_DEVICE_CUH

#ifdef IGFAST_SIMULATOR
#include "simulator.h"
#else
#include <cuda_runtime.h>

#define IGF_OUTLINED __noinline__

namespace igfast {

// The dynamic shared memory of the block.
__device__ inline unsigned char* shared_memory() {
  extern __shared__ __align__(16) unsigned char igfast_shared_memory[];
  return igfast_shared_memory;
}

}  // namespace igfast
#endif

namespace igfast {

constexpr unsigned kFullWarp = 0xffffffffu;

__device__ inline int lane_index() { return static_cast<int>(threadIdx.x & 31u); }

}  // namespace igfast

#endif
