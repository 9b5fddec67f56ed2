#include "cuda/make_kernel.cuh"

namespace igfast {

KernelList dyadic_kernels() {
  static const HistogramKernel list[] = {IGF_DYADIC_INSTANCES(IGF_MAKE_KERNEL)};
  return {list, static_cast<int>(sizeof list / sizeof *list)};
}

}  // namespace igfast
