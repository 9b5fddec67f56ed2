#include "device_library.h"

#include <stdexcept>

#ifndef _WIN32
#include <dlfcn.h>
#endif

namespace igfast {

const igf_device_backend& open_device_library(const std::string& path) {
#ifdef _WIN32
  throw std::runtime_error("device libraries are not supported on Windows: " + path);
#else
  // RTLD_LOCAL: its CUDA runtime must not meet the framework's.
  void* library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    throw std::runtime_error(std::string("the device library cannot be opened: ") + dlerror());
  }
  const auto table =
      reinterpret_cast<igf_device_backend_function>(dlsym(library, "igf_device_backend_v1"));
  if (table == nullptr) {
    throw std::runtime_error(path + " is not a device library of igfast");
  }
  const igf_device_backend* backend = table();
  if (backend->abi != IGF_DEVICE_ABI) {
    throw std::runtime_error(path + " belongs to another version of igfast; reinstall it");
  }
  return *backend;
#endif
}

}  // namespace igfast
