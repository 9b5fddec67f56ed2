// Joins counting_bindings.cpp to the module of bindings.cpp.
#ifndef IGFAST_COUNTING_BINDINGS_H
#define IGFAST_COUNTING_BINDINGS_H

#include <pybind11/pybind11.h>

namespace igfast {

void bind_counting(pybind11::module_& module);

}  // namespace igfast

#endif
