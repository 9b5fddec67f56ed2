// A libcuda.so.1 of the version and with the status that the environment says: what the CUDA
// runtime asks of a driver before it can compute.
#include <cstdlib>
#include <cstring>

namespace {

int setting(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? 0 : std::atoi(value);
}

int refuse() { return 999; }  // CUDA_ERROR_UNKNOWN

}  // namespace

extern "C" {

int cuDriverGetVersion(int* version) {
  *version = setting("FAKE_DRIVER_VERSION");
  return 0;
}

int cuInit(unsigned) { return setting("FAKE_DRIVER_STATUS"); }

int cuGetProcAddress_v2(const char* name, void** function, int, unsigned long, int* status) {
  if (status != nullptr) {
    *status = 0;
  }
  if (std::strcmp(name, "cuDriverGetVersion") == 0) {
    *function = reinterpret_cast<void*>(&cuDriverGetVersion);
  } else if (std::strcmp(name, "cuInit") == 0) {
    *function = reinterpret_cast<void*>(&cuInit);
  } else if (std::strncmp(name, "cuGetProcAddress", 16) == 0) {
    *function = reinterpret_cast<void*>(&cuGetProcAddress_v2);
  } else {
    *function = reinterpret_cast<void*>(&refuse);
  }
  return 0;
}

int cuGetProcAddress(const char* name, void** function, int version, unsigned long flags) {
  return cuGetProcAddress_v2(name, function, version, flags, nullptr);
}
}
