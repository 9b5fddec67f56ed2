// CUB's DeviceHistogram::HistogramEven on [-1, 1), as a C function: what the benchmark compares
// with.
#include <cub/device/device_histogram.cuh>

extern "C" int cub_histogram_even(void* storage, std::size_t* bytes, const float* values,
                                  unsigned* counts, int bins, long long size, cudaStream_t stream) {
  return static_cast<int>(cub::DeviceHistogram::HistogramEven(storage, *bytes, values,
                                                              reinterpret_cast<int*>(counts),
                                                              bins + 1, -1.0f, 1.0f, size, stream));
}
