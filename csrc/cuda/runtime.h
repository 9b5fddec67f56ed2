// What the host side needs of a device: memory, copies, launches. Two implementations: the CUDA
// runtime, and the block simulator of the tests. Failures are std::runtime_error.
#ifndef IGFAST_CUDA_RUNTIME_H
#define IGFAST_CUDA_RUNTIME_H

#include <cstddef>
#include <string>
#include <utility>

#ifdef IGFAST_SIMULATOR
#include "simulator.h"
#endif

namespace igfast {

struct DeviceLimits {
  int multiprocessors;
  std::size_t shared_per_block;  // with opt-in
};

// Why there is no device to compute on, or "" where there is one.
std::string why_no_device();
// Runtime and driver versions and the devices, one line.
std::string describe_devices();

// Makes a device current for a scope.
class DeviceScope {
 public:
  explicit DeviceScope(int device);
  ~DeviceScope();
  DeviceScope(const DeviceScope&) = delete;
  DeviceScope& operator=(const DeviceScope&) = delete;

 private:
  int previous_;
};

int current_device();
DeviceLimits device_limits();  // of the current device
void* device_allocate(std::size_t bytes);
void device_free(void* memory);
void copy_to_device(void* to, const void* from, std::size_t bytes, void* stream);
void clear_device(void* memory, std::size_t bytes, void* stream);
void synchronize(void* stream);
bool is_capturing(void* stream);  // in a graph

// A mark in a stream, for another stream to wait for.
class StreamMark {
 public:
  StreamMark() = default;
  ~StreamMark();
  StreamMark(StreamMark&& other) noexcept : event_(std::exchange(other.event_, nullptr)) {}
  StreamMark& operator=(StreamMark&&) = delete;

  void set(void* stream);      // a stream of the current device, always the same one
  void hold_up(void* stream);  // what the stream is given from now on waits for the mark, if set

 private:
  void* event_ = nullptr;  // made when it is first set
};

// Allows launches of a kernel up to this much dynamic shared memory, whoever asks for them.
void allow_shared(const void* kernel, std::size_t bytes);
// How many blocks fit a multiprocessor.
int blocks_that_fit(const void* kernel, int threads, std::size_t shared);

#ifdef IGFAST_SIMULATOR
// Throws where a kernel may not have as much shared memory.
void check_shared(const void* kernel, std::size_t bytes);

template <class Arguments>
void launch(void (*kernel)(Arguments), int blocks, int threads, std::size_t shared, void*,
            const Arguments& arguments) {
  check_shared(reinterpret_cast<const void*>(kernel), shared);
  simulator::run(blocks, threads, shared, [&] { kernel(arguments); });
}
#else
void launch_kernel(const void* kernel, int blocks, int threads, std::size_t shared, void* stream,
                   void** arguments);

template <class Arguments>
void launch(void (*kernel)(Arguments), int blocks, int threads, std::size_t shared, void* stream,
            Arguments arguments) {
  void* list[] = {&arguments};
  launch_kernel(reinterpret_cast<const void*>(kernel), blocks, threads, shared, stream, list);
}
#endif

}  // namespace igfast

#endif
