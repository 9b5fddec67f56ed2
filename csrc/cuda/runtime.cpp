#include "cuda/runtime.h"

#include <cuda_runtime.h>

#include <stdexcept>

namespace igfast {
namespace {

// The first driver that runs what this toolkit compiles.
constexpr const char* kDriver = CUDART_VERSION >= 13000 ? "580" : "525";

constexpr const char* kForeign =
    "; this build of igfast has no code for this GPU (show_config() says for which it has): build "
    "it with IGFAST_BUILD_CUDA=ON, for all";

void check(cudaError_t status, const char* what) {
  if (status != cudaSuccess) {
    cudaGetLastError();  // leave no error behind for the framework that shares the context
    const bool foreign = status == cudaErrorNoKernelImageForDevice ||
                         status == cudaErrorInvalidDeviceFunction ||
                         status == cudaErrorUnsupportedPtxVersion;
    throw std::runtime_error(std::string("CUDA: ") + what + " failed: " + cudaGetErrorName(status) +
                             ", " + cudaGetErrorString(status) + (foreign ? kForeign : ""));
  }
}

cudaStream_t as_stream(void* stream) { return static_cast<cudaStream_t>(stream); }

std::string version(int number) {
  return std::to_string(number / 1000) + "." + std::to_string(number % 1000 / 10);
}

}  // namespace

std::string why_no_device() {
  int driver = 0;
  if (cudaDriverGetVersion(&driver) != cudaSuccess || driver == 0) {
    return std::string("no NVIDIA driver is loaded; install one (") + kDriver + " or later)";
  }
  int count = 0;
  const cudaError_t status = cudaGetDeviceCount(&count);
  if (status == cudaErrorInsufficientDriver) {
    return "the NVIDIA driver supports CUDA " + version(driver) + ", but igfast was built for " +
           version(CUDART_VERSION) + "; update the driver to " + kDriver + " or later";
  }
  if (status == cudaErrorNoDevice || (status == cudaSuccess && count == 0)) {
    return "the NVIDIA driver (CUDA " + version(driver) +
           ") sees no device; check CUDA_VISIBLE_DEVICES and nvidia-smi";
  }
  if (status != cudaSuccess) {
    return std::string("the NVIDIA driver failed: ") + cudaGetErrorString(status);
  }
  return "";
}

std::string describe_devices() {
  int driver = 0;
  int count = 0;
  cudaDriverGetVersion(&driver);
  check(cudaGetDeviceCount(&count), "counting devices");
  std::string text = "runtime " + version(CUDART_VERSION) + ", driver " + version(driver);
  for (int device = 0; device < count; ++device) {
    cudaDeviceProp properties;
    check(cudaGetDeviceProperties(&properties, device), "reading device properties");
    text += (device == 0 ? ": " : "; ") + std::string(properties.name) + " (sm_" +
            std::to_string(properties.major) + std::to_string(properties.minor) + ")";
  }
  return text;
}

DeviceScope::DeviceScope(int device) : previous_(0) {
  check(cudaGetDevice(&previous_), "finding the current device");
  if (device != previous_) {
    check(cudaSetDevice(device), "choosing a device");
  }
}

DeviceScope::~DeviceScope() { cudaSetDevice(previous_); }

int current_device() {
  int device = 0;
  check(cudaGetDevice(&device), "finding the current device");
  return device;
}

DeviceLimits device_limits() {
  const int device = current_device();
  int multiprocessors = 0;
  int shared = 0;
  check(cudaDeviceGetAttribute(&multiprocessors, cudaDevAttrMultiProcessorCount, device),
        "reading the number of multiprocessors");
  check(cudaDeviceGetAttribute(&shared, cudaDevAttrMaxSharedMemoryPerBlockOptin, device),
        "reading the shared memory size");
  return {multiprocessors, static_cast<std::size_t>(shared)};
}

void* device_allocate(std::size_t bytes) {
  void* memory = nullptr;
  check(cudaMalloc(&memory, bytes == 0 ? 1 : bytes), "allocating device memory");
  return memory;
}

void device_free(void* memory) { cudaFree(memory); }

void copy_to_device(void* to, const void* from, std::size_t bytes, void* stream) {
  check(cudaMemcpyAsync(to, from, bytes, cudaMemcpyHostToDevice, as_stream(stream)),
        "copying to the device");
}

void clear_device(void* memory, std::size_t bytes, void* stream) {
  if (bytes != 0) {
    check(cudaMemsetAsync(memory, 0, bytes, as_stream(stream)), "clearing device memory");
  }
}

void synchronize(void* stream) {
  check(cudaStreamSynchronize(as_stream(stream)), "running a kernel");
}

bool is_capturing(void* stream) {
  cudaStreamCaptureStatus status = cudaStreamCaptureStatusNone;
  check(cudaStreamIsCapturing(as_stream(stream), &status), "asking whether a stream is captured");
  return status != cudaStreamCaptureStatusNone;
}

StreamMark::~StreamMark() {
  if (event_ != nullptr) {
    cudaEventDestroy(static_cast<cudaEvent_t>(event_));
  }
}

void StreamMark::set(void* stream) {
  if (event_ == nullptr) {
    cudaEvent_t event = nullptr;
    check(cudaEventCreateWithFlags(&event, cudaEventDisableTiming), "creating an event");
    event_ = event;
  }
  check(cudaEventRecord(static_cast<cudaEvent_t>(event_), as_stream(stream)), "marking a stream");
}

void StreamMark::hold_up(void* stream) {
  if (event_ != nullptr) {
    check(cudaStreamWaitEvent(as_stream(stream), static_cast<cudaEvent_t>(event_), 0),
          "ordering two streams");
  }
}

void allow_shared(const void* kernel, std::size_t bytes) {
  check(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize,
                             static_cast<int>(bytes)),
        "reserving shared memory");
}

int blocks_that_fit(const void* kernel, int threads, std::size_t shared) {
  int blocks = 0;
  check(cudaOccupancyMaxActiveBlocksPerMultiprocessor(&blocks, kernel, threads, shared),
        "finding the occupancy of a kernel");
  return blocks;
}

void launch_kernel(const void* kernel, int blocks, int threads, std::size_t shared, void* stream,
                   void** arguments) {
  check(
      cudaLaunchKernel(kernel, dim3(static_cast<unsigned>(blocks)),
                       dim3(static_cast<unsigned>(threads)), arguments, shared, as_stream(stream)),
      "launching a kernel");
}

}  // namespace igfast
