// NumPy arrays as compiled code takes them, and the refusal of those of other shapes.
#ifndef IGFAST_ARRAY_SHAPES_H
#define IGFAST_ARRAY_SHAPES_H

#include <pybind11/numpy.h>

#include <cstdint>
#include <string>
#include <vector>

namespace igfast {

using Integers = pybind11::array_t<std::int64_t, pybind11::array::c_style>;
using Floats = pybind11::array_t<double, pybind11::array::c_style>;
using Shape = std::vector<pybind11::ssize_t>;

inline void require_shape(const char* name, const pybind11::array& array, const Shape& shape) {
  if (Shape(array.shape(), array.shape() + array.ndim()) != shape) {
    throw pybind11::value_error(std::string(name) +
                                " has another shape than the other arrays need");
  }
}

inline Shape shape3(const char* name, const pybind11::array& array) {
  if (array.ndim() != 3) {
    throw pybind11::value_error(std::string(name) + " must have three axes, layers first");
  }
  return {array.shape(0), array.shape(1), array.shape(2)};
}

}  // namespace igfast

#endif
