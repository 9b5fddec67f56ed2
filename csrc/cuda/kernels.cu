// Every kernel instantiation for histograms and moments: at most 64 of them in all, measures.cu's
// two included. Splits, dtypes and measures are chosen at run time inside a kernel.
#include <stdexcept>

#include "cuda/kernels.h"

namespace igfast {
namespace {

template <class Grid, class Counters, bool kMoments>
HistogramKernel make(const char* name) {
  return {name, histogram_kernel<Grid, Counters, kMoments>, Counters::words};
}

struct Listed {
  igf_grid_kind grid;
  CounterKind counters;
  bool offsets;
  bool moments;
  HistogramKernel kernel;
};

#define IGF_LIST(kind, Grid, counters, Counters, offsets)                                     \
  {kind, counters, offsets, false, make<Grid, Counters, false>(#Grid " " #Counters)}, {       \
    kind, counters, offsets, true, make<Grid, Counters, true>(#Grid " " #Counters " moments") \
  }

const Listed kListed[] = {
    IGF_LIST(IGF_UNIFORM, UniformGrid, CounterKind::kInterleaved, InterleavedCounters<false>,
             false),
    IGF_LIST(IGF_UNIFORM, UniformGrid, CounterKind::kSingle, SingleCounters<false>, false),
    IGF_LIST(IGF_UNIFORM, UniformGrid, CounterKind::kDirect, DirectCounters, false),

    IGF_LIST(IGF_DYADIC, DyadicGrid, CounterKind::kInterleaved, InterleavedCounters<false>, false),
    IGF_LIST(IGF_DYADIC, DyadicGrid, CounterKind::kInterleaved, InterleavedCounters<true>, true),
    IGF_LIST(IGF_DYADIC, DyadicGrid, CounterKind::kSingle, SingleCounters<false>, false),
    IGF_LIST(IGF_DYADIC, DyadicGrid, CounterKind::kSingle, SingleCounters<true>, true),
    IGF_LIST(IGF_DYADIC, DyadicGrid, CounterKind::kDirect, DirectCounters, true),

    IGF_LIST(IGF_LOG, LogGrid, CounterKind::kInterleaved, InterleavedCounters<false>, false),
    IGF_LIST(IGF_LOG, LogGrid, CounterKind::kInterleaved, InterleavedCounters<true>, true),
    IGF_LIST(IGF_LOG, LogGrid, CounterKind::kSingle, SingleCounters<false>, false),
    IGF_LIST(IGF_LOG, LogGrid, CounterKind::kSingle, SingleCounters<true>, true),
    IGF_LIST(IGF_LOG, LogGrid, CounterKind::kDirect, DirectCounters, true),
};

const HistogramKernel kMoments = make<NoGrid, NoCounters, true>("moments");

}  // namespace

const HistogramKernel& histogram_kernel_for(igf_grid_kind grid, CounterKind counters, bool offsets,
                                            bool moments) {
  for (const Listed& listed : kListed) {
    // Direct counters serve both: the output says whether offsets are wanted.
    const bool serves = listed.offsets == offsets || counters == CounterKind::kDirect;
    if (listed.grid == grid && listed.counters == counters && listed.moments == moments && serves) {
      return listed.kernel;
    }
  }
  throw std::invalid_argument("no kernel counts offsets on a uniform grid");
}

const HistogramKernel& moments_kernel() { return kMoments; }

}  // namespace igfast
