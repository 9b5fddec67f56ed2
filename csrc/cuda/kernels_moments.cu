#include "cuda/make_kernel.cuh"

namespace igfast {

const HistogramKernel& moments_kernel() {
  static const HistogramKernel list[] = {IGF_MOMENTS_INSTANCES(IGF_MAKE_KERNEL)};
  return list[0];
}

}  // namespace igfast
