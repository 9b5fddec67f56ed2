// NumPy arrays as tables, grids and outputs of kernels.
#ifndef IGFAST_KERNEL_ARGUMENTS_H
#define IGFAST_KERNEL_ARGUMENTS_H

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <cstdint>
#include <stdexcept>

#include "array_checks.h"
#include "backend.h"

namespace igfast {

struct Tensors {
  const igf_tensor* data;
  std::int64_t count;
};

Tensors require_tensors(const char* operation, const pybind11::object& object, std::int64_t rows);

igf_moments_output require_moments(const pybind11::object& integers, const pybind11::object& floats,
                                   std::int64_t rows);

// A grid's fixed part; the bins of a dyadic one are given at each call.
void require_grid(igf_grid& grid, std::int64_t kind, std::int64_t bins,
                  const pybind11::object& edges, const pybind11::object& log, std::int64_t rows);

void require_dyadic(igf_grid& grid, const pybind11::object& exponents,
                    const pybind11::object& origins, std::int64_t rows);

void require_splits(std::int64_t splits);

// Runs one entry of the table without the GIL; its error text becomes RuntimeError.
template <class Args>
void run(int (*operation)(Args*), Args& args) {
  int status;
  {
    pybind11::gil_scoped_release release;
    status = operation(&args);
  }
  if (status != 0) {
    throw std::runtime_error(args.error);
  }
}

}  // namespace igfast

#endif
