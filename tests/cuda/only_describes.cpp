// A CUDA library without kernels: it can only say whether there is a device.
#include "cuda/device_backend.h"
#include "cuda/operations.h"

extern "C" __attribute__((visibility("default"))) const igf_device_backend* igf_device_backend_v1(
    void) {
  static igf_device_backend table{};
  table.abi = IGF_DEVICE_ABI;
  table.architectures = "750,1200";
  table.describe = igfast::describe_device;
  return &table;
}
