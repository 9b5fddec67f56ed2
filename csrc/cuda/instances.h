// Every kernel that is compiled, at most 64 for an architecture: those of histogram.cuh below, and
// two of measures.cu that are no templates,
//   divergence_kernel
//   entropy_kernel
// Splits, dtypes and measures are chosen at run time inside a kernel.
//
// INSTANCE(grid, Grid, counters, Counters, offsets, moments). On a log grid one kernel serves with
// and without offsets; direct counters serve with and without both.
#ifndef IGFAST_CUDA_INSTANCES_H
#define IGFAST_CUDA_INSTANCES_H

#define IGF_UNIFORM_INSTANCES(INSTANCE)                                                            \
  INSTANCE(IGF_UNIFORM, UniformGrid, kInterleaved, InterleavedCounters<false>, kWithout, kWithout) \
  INSTANCE(IGF_UNIFORM, UniformGrid, kInterleaved, InterleavedCounters<false>, kWithout, kWith)    \
  INSTANCE(IGF_UNIFORM, UniformGrid, kSingle, SingleCounters<false>, kWithout, kWithout)           \
  INSTANCE(IGF_UNIFORM, UniformGrid, kSingle, SingleCounters<false>, kWithout, kWith)              \
  INSTANCE(IGF_UNIFORM, UniformGrid, kDirect, DirectCounters, kWithout, kEither)

#define IGF_DYADIC_INSTANCES(INSTANCE)                                                           \
  INSTANCE(IGF_DYADIC, DyadicGrid, kInterleaved, InterleavedCounters<false>, kWithout, kWithout) \
  INSTANCE(IGF_DYADIC, DyadicGrid, kInterleaved, InterleavedCounters<false>, kWithout, kWith)    \
  INSTANCE(IGF_DYADIC, DyadicGrid, kInterleaved, InterleavedCounters<true>, kWith, kWithout)     \
  INSTANCE(IGF_DYADIC, DyadicGrid, kInterleaved, InterleavedCounters<true>, kWith, kWith)        \
  INSTANCE(IGF_DYADIC, DyadicGrid, kSingle, SingleCounters<false>, kWithout, kWithout)           \
  INSTANCE(IGF_DYADIC, DyadicGrid, kSingle, SingleCounters<false>, kWithout, kWith)              \
  INSTANCE(IGF_DYADIC, DyadicGrid, kSingle, SingleCounters<true>, kWith, kWithout)               \
  INSTANCE(IGF_DYADIC, DyadicGrid, kSingle, SingleCounters<true>, kWith, kWith)                  \
  INSTANCE(IGF_DYADIC, DyadicGrid, kDirect, DirectCounters, kEither, kEither)

#define IGF_LOG_INSTANCES(INSTANCE)                                                      \
  INSTANCE(IGF_LOG, LogGrid, kInterleaved, InterleavedCounters<true>, kEither, kWithout) \
  INSTANCE(IGF_LOG, LogGrid, kInterleaved, InterleavedCounters<true>, kEither, kWith)    \
  INSTANCE(IGF_LOG, LogGrid, kSingle, SingleCounters<true>, kEither, kWithout)           \
  INSTANCE(IGF_LOG, LogGrid, kSingle, SingleCounters<true>, kEither, kWith)              \
  INSTANCE(IGF_LOG, LogGrid, kDirect, DirectCounters, kEither, kEither)

// Moments alone.
#define IGF_MOMENTS_INSTANCES(INSTANCE) \
  INSTANCE(IGF_UNIFORM, NoGrid, kDirect, NoCounters, kWithout, kWith)

#endif
