#include "cuda/make_kernel.cuh"

namespace igfast {

const HistogramKernel& moments_kernel() {
  static const HistogramKernel kernel = {
      "moments",        IGF_UNIFORM,   CounterKind::kDirect,
      Serves::kWithout, Serves::kWith, histogram_kernel<NoGrid, NoCounters, true>,
      NoCounters::words};
  return kernel;
}

}  // namespace igfast
