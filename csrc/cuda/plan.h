// Everything one launch needs, kept in device memory between launches.
#ifndef IGFAST_CUDA_PLAN_H
#define IGFAST_CUDA_PLAN_H

#include <cstddef>
#include <cstdint>
#include <vector>

#include "cuda/device_backend.h"
#include "cuda/kernels.h"
#include "cuda/layout.h"
#include "cuda/runtime.h"

namespace igfast {

// A copy of a host array in device memory, freed with its owner.
class DeviceBuffer {
 public:
  explicit DeviceBuffer(std::size_t bytes = 0);
  ~DeviceBuffer();
  DeviceBuffer(DeviceBuffer&& other) noexcept;
  DeviceBuffer& operator=(DeviceBuffer&& other) noexcept;

  template <class T>
  T* as() const {
    return static_cast<T*>(memory_);
  }

 private:
  void* memory_ = nullptr;
};

// FNV-1a over the words of the table.
std::uint64_t hash_tensors(const igf_tensor* tensors, std::int64_t count);

class Plan {
 public:
  // A null grid (bins 0) sums moments alone.
  explicit Plan(const igf_plan_args& args);

  void run(const igf_run_args& args);
  igf_plan_info info() const;

 private:
  void choose_kernel(const igf_plan_args& args);
  void upload_layout(const Layout& layout, void* stream);
  void upload_grid(const igf_grid& grid, void* stream);
  template <class V>
  DeviceBuffer upload_tables(const igf_grid& grid, void* stream, DeviceBuffer* thresholds);
  void move_bins(const std::int64_t* exponents, const std::int64_t* origins, void* stream);
  void clear_outputs(const igf_run_args& args) const;

  int device_;
  std::int64_t rows_;
  bool counts_;  // a histogram, not moments alone
  bool offsets_;
  bool moments_;
  std::uint64_t hash_;
  const HistogramKernel* kernel_ = nullptr;
  std::size_t shared_ = 0;
  int blocks_ = 0;
  int segments_ = 0;
  HistogramLaunch launch_{};
  std::vector<std::int64_t> bins_;  // dyadic exponents, then origins, as on the device
  std::vector<DeviceBuffer> buffers_;
  StreamMark mark_;  // behind the last run
};

}  // namespace igfast

#endif
