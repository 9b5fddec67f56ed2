// Joins numbers_bindings.cpp to the module of bindings.cpp.
#ifndef IGFAST_NUMBERS_BINDINGS_H
#define IGFAST_NUMBERS_BINDINGS_H

#include <pybind11/pybind11.h>

namespace igfast {

void bind_numbers(pybind11::module_& module);

}  // namespace igfast

#endif
