// Opens a device library (csrc/cuda) at run time, so that the module itself needs no CUDA.
#ifndef IGFAST_DEVICE_LIBRARY_H
#define IGFAST_DEVICE_LIBRARY_H

#include <string>

#include "cuda/device_backend.h"

namespace igfast {

// The table of the library at `path`; the library stays open. Throws std::runtime_error that says
// why it cannot be used.
const igf_device_backend& open_device_library(const std::string& path);

}  // namespace igfast

#endif
