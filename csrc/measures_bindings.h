// Joins measures_bindings.cpp to the module of bindings.cpp.
#ifndef IGFAST_MEASURES_BINDINGS_H
#define IGFAST_MEASURES_BINDINGS_H

#include <pybind11/pybind11.h>

namespace igfast {

void bind_measures(pybind11::module_& module);

}  // namespace igfast

#endif
