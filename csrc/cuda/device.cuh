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

// Adds to a word of global memory. atomicAdd may not see that the address is global and then, from
// sm_100, carries a loop for shared memory along.
__device__ inline void add_globally(unsigned long long* address, unsigned long long value) {
  asm volatile("red.relaxed.gpu.global.add.u64 [%0], %1;"
               :
               : "l"(__cvta_generic_to_global(address)), "l"(value)
               : "memory");
}

}  // namespace igfast
#endif

namespace igfast {

constexpr unsigned kFullWarp = 0xffffffffu;

__device__ inline int lane_index() { return static_cast<int>(threadIdx.x & 31u); }

}  // namespace igfast

#endif
