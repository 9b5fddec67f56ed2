// The simulated device behind cuda/runtime.h: its memory is host memory, poisoned when allocated.
#include "cuda/runtime.h"

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <map>
#include <new>
#include <stdexcept>
#include <string>

#include "control.h"

namespace igfast {
namespace {

DeviceLimits limits{2, 99 * 1024};
bool captured = false;
std::string orders;
std::map<const void*, std::size_t> allowed;  // shared memory, by kernel
constexpr std::size_t kUnasked = 48 * 1024;  // shared memory of a kernel that did not ask for more

void tell(const char* order, void* stream) {
  if (simulator::idle) {
    return;
  }
  orders +=
      std::string(order) + " " + std::to_string(reinterpret_cast<std::uintptr_t>(stream)) + ";";
}

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

// Everything happens at once here: what streams are told is kept for tests to read.
StreamMark::~StreamMark() = default;
void StreamMark::set(void* stream) {
  event_ = this;
  tell("mark", stream);
}
void StreamMark::hold_up(void* stream) {
  if (event_ != nullptr) {
    tell("wait", stream);
  }
}

void allow_shared(const void* kernel, std::size_t bytes) { allowed[kernel] = bytes; }

void check_shared(const void* kernel, std::size_t bytes) {
  const auto found = allowed.find(kernel);
  if (bytes > (found == allowed.end() ? kUnasked : found->second)) {
    throw std::runtime_error("a kernel was launched with more shared memory than it may have");
  }
}

// As if two full blocks, or three small ones, fitted a multiprocessor.
int blocks_that_fit(const void*, int, std::size_t shared) {
  return shared * 3 <= limits.shared_per_block * 2 ? 3 : 1;
}

}  // namespace igfast

void igf_simulator_device(int multiprocessors, unsigned long long shared) {
  igfast::limits = {multiprocessors, static_cast<std::size_t>(shared)};
}

const char* igf_simulator_orders(void) {
  static std::string told;
  told = std::exchange(igfast::orders, "");
  return told.c_str();
}

void igf_simulator_capture(int captured) { igfast::captured = captured != 0; }

void igf_simulator_idle(int idle) { simulator::idle = idle != 0; }
