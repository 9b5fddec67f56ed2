// Compiles an instance of instances.h.
#ifndef IGFAST_CUDA_MAKE_KERNEL_CUH
#define IGFAST_CUDA_MAKE_KERNEL_CUH

#include "cuda/histogram.cuh"
#include "cuda/instances.h"
#include "cuda/kernels.h"

#define IGF_MAKE_KERNEL(kind, Grid, counters, Counters, offsets, moments) \
  {#Grid " " #Counters " moments " #moments,                              \
   kind,                                                                  \
   CounterKind::counters,                                                 \
   Serves::offsets,                                                       \
   Serves::moments,                                                       \
   histogram_kernel<Grid, Counters, Serves::moments != Serves::kWithout>, \
   Counters::words},

#endif
