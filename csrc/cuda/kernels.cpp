#include "cuda/kernels.h"

#include <stdexcept>

namespace igfast {
namespace {

bool covers(Serves serves, bool wanted) {
  return serves == Serves::kEither || (serves == Serves::kWith) == wanted;
}

KernelList kernels_of(igf_grid_kind grid) {
  switch (grid) {
    case IGF_UNIFORM: return uniform_kernels();
    case IGF_DYADIC: return dyadic_kernels();
    case IGF_LOG: return log_kernels();
  }
  throw std::invalid_argument("unknown kind of grid");
}

}  // namespace

const HistogramKernel& histogram_kernel_for(igf_grid_kind grid, CounterKind counters, bool offsets,
                                            bool moments) {
  const KernelList list = kernels_of(grid);
  for (int i = 0; i < list.count; ++i) {
    const HistogramKernel& kernel = list.first[i];
    if (kernel.counters == counters && covers(kernel.offsets, offsets) &&
        covers(kernel.moments, moments)) {
      return kernel;
    }
  }
  throw std::invalid_argument("no kernel counts offsets on a uniform grid");
}

}  // namespace igfast
