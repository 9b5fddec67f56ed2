#include "cuda/make_kernel.cuh"

namespace igfast {

KernelList log_kernels() {
  static const HistogramKernel list[] = {IGF_LOG_INSTANCES(IGF_MAKE_KERNEL)};
  return {list, static_cast<int>(sizeof list / sizeof *list)};
}

}  // namespace igfast
