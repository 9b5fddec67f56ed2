// Joins rows_bindings.cpp to the module of bindings.cpp.
#ifndef IGFAST_ROWS_BINDINGS_H
#define IGFAST_ROWS_BINDINGS_H

#include <pybind11/pybind11.h>

namespace igfast {

void bind_rows(pybind11::module_& module);

}  // namespace igfast

#endif
