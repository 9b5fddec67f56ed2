// The simulated device behind cuda/runtime.h: its memory is host memory, poisoned when allocated.
#include "cuda/runtime.h"

#include <cstdlib>
#include <new>

#include "control.h"

namespace igfast {
namespace {

DeviceLimits limits{2, 99 * 1024};
bool captured = false;

}  // namespace

std::string why_no_device() { return ""; }
std::string describe_devices() { return "block simulator"; }

DeviceScope::DeviceScope(int device) : previous_(device) {}
DeviceScope::~DeviceScope() = default;

int current_device() { return 0; }
DeviceLimits device_limits() { return limits; }

void* device_allocate(std::size_t bytes) {
  void* memory = std::malloc(bytes + 1);
  if (memory == nullptr) {
    throw std::bad_alloc();
  }
  std::memset(memory, 0xa5, bytes + 1);
  return memory;
}

void device_free(void* memory) { std::free(memory); }

void copy_to_device(void* to, const void* from, std::size_t bytes, void*) {
  std::memcpy(to, from, bytes);
}

void clear_device(void* memory, std::size_t bytes, void*) {
  if (bytes != 0 && !simulator::idle) {
    std::memset(memory, 0, bytes);
  }
}

void synchronize(void*) {}
bool is_capturing(void*) { return captured; }

// As if two full blocks, or three small ones, fitted a multiprocessor.
int prepare_kernel(const void*, int, std::size_t shared) {
  return shared * 3 <= limits.shared_per_block * 2 ? 3 : 1;
}

}  // namespace igfast

void igf_simulator_device(int multiprocessors, unsigned long long shared) {
  igfast::limits = {multiprocessors, static_cast<std::size_t>(shared)};
}

void igf_simulator_capture(int captured) { igfast::captured = captured != 0; }

void igf_simulator_idle(int idle) { simulator::idle = idle != 0; }
