// Checks of arguments, whose errors name the argument, what it was and what is allowed.
#ifndef IGFAST_ARRAY_CHECKS_H
#define IGFAST_ARRAY_CHECKS_H

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <cstdint>
#include <string>

#include "array_shapes.h"

namespace igfast {

inline std::string describe(const Shape& shape) {
  std::string text = "(";
  for (const pybind11::ssize_t size : shape) {
    text += (text.size() > 1 ? ", " : "") + std::to_string(size);
  }
  return text + ")";
}

// A C-contiguous array of exactly this element type and shape: never a silent copy.
template <class T>
pybind11::array_t<T> require(const char* name, const pybind11::object& object, const Shape& shape) {
  const auto wanted = [&] {
    return std::string(pybind11::str(pybind11::dtype::of<T>())) + " array of shape " +
           describe(shape);
  };
  if (!pybind11::isinstance<pybind11::array>(object)) {
    throw pybind11::type_error(std::string(name) + " must be a NumPy " + wanted() + ", not " +
                               std::string(pybind11::str(pybind11::type::of(object))));
  }
  const auto array = pybind11::reinterpret_borrow<pybind11::array>(object);
  const Shape actual(array.shape(), array.shape() + array.ndim());
  const bool contiguous = (array.flags() & pybind11::array::c_style) != 0;
  if (!pybind11::isinstance<pybind11::array_t<T>>(object) || actual != shape || !contiguous) {
    throw pybind11::value_error(std::string(name) + " must be a C-contiguous " + wanted() +
                                ", not " + std::string(pybind11::str(array.dtype())) + " " +
                                describe(actual) + (contiguous ? "" : " (not contiguous)"));
  }
  return pybind11::reinterpret_borrow<pybind11::array_t<T>>(object);
}

template <class T>
T* require_output(const char* name, const pybind11::object& object, const Shape& shape) {
  auto array = require<T>(name, object, shape);
  if (!array.writeable()) {
    throw pybind11::value_error(std::string(name) + " must be writable: it is an output");
  }
  return array.mutable_data();
}

inline void require_range(const char* name, std::int64_t value, std::int64_t low,
                          std::int64_t high) {
  if (value < low || value > high) {
    throw pybind11::value_error(std::string(name) + " must be in [" + std::to_string(low) + ", " +
                                std::to_string(high) + "], not " + std::to_string(value));
  }
}

inline pybind11::ssize_t leading_size(const char* name, const pybind11::object& object) {
  if (!pybind11::isinstance<pybind11::array>(object) ||
      pybind11::reinterpret_borrow<pybind11::array>(object).ndim() < 1) {
    throw pybind11::type_error(std::string(name) + " must be a NumPy array with a leading axis");
  }
  return pybind11::reinterpret_borrow<pybind11::array>(object).shape(0);
}

}  // namespace igfast

#endif
