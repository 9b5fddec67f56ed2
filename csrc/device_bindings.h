// Joins device_bindings.cpp to the module of bindings.cpp.
#ifndef IGFAST_DEVICE_BINDINGS_H
#define IGFAST_DEVICE_BINDINGS_H

#include <pybind11/pybind11.h>

#include "backend.h"

namespace igfast {

// The table that host arrays go to: the CPU's, unless a test has chosen another.
const igf_backend& operations();

void bind_devices(pybind11::module_& module);

}  // namespace igfast

#endif
