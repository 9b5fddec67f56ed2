// The Python side of what becomes of a record once it is counted: the GIL is released meanwhile, so
// that the thread which stores records does not hold up the training.
#include "record_bindings.h"

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "record/motion.h"
#include "record/planes.h"

namespace py = pybind11;

namespace igfast {
namespace {

using Integers = py::array_t<std::int64_t, py::array::c_style>;
using Floats = py::array_t<double, py::array::c_style>;
using Shape = std::vector<py::ssize_t>;

constexpr py::ssize_t kLayoutFields = sizeof(record::Layout) / sizeof(std::int64_t);

void require_shape(const char* name, const py::array& array, const Shape& shape) {
  if (Shape(array.shape(), array.shape() + array.ndim()) != shape) {
    throw py::value_error(std::string(name) + " has another shape than the other arrays need");
  }
}

Shape shape3(const char* name, const py::array& array) {
  if (array.ndim() != 3) {
    throw py::value_error(std::string(name) + " must have three axes, layers first");
  }
  return {array.shape(0), array.shape(1), array.shape(2)};
}

// (L, 5) fields of record::Layout, and the planes of all layers one behind the other.
py::tuple lay_out(const Integers& counts, const Integers& outside, const Integers& nan,
                  const Integers& numel, const std::optional<Integers>& offsets,
                  std::int64_t difference_from) {
  const Shape shape = shape3("counts", counts);
  require_shape("outside", outside, {shape[0], shape[1], 2});
  require_shape("nan", nan, {shape[0]});
  require_shape("numel", numel, {shape[0]});
  if (offsets) {
    require_shape("offsets", *offsets, shape);
  }
  const record::Cells cells{
      shape[0],       shape[1],   shape[2],     counts.data(),
      outside.data(), nan.data(), numel.data(), offsets ? offsets->data() : nullptr};
  Integers layouts(Shape{shape[0], kLayoutFields});
  auto* const fields = reinterpret_cast<record::Layout*>(layouts.mutable_data());
  // not cleared: a record fills a fraction
  const std::unique_ptr<std::uint8_t[]> room(
      new std::uint8_t[static_cast<std::size_t>(record::most_bytes(cells))]);
  std::int64_t written = 0;
  record::Found found{};
  {
    const py::gil_scoped_release release;
    found = record::lay_out(cells, difference_from, fields, room.get(), &written);
  }
  if (found == record::Found::kCountsDoNotAddUp) {
    throw py::value_error("counts + underflow + overflow + nan must be numel, none negative");
  }
  if (found == record::Found::kImpossibleOffset) {
    throw py::value_error("offsets must lie between 0 and 255/256 of their counts");
  }
  return py::make_tuple(layouts, py::bytes(reinterpret_cast<const char*>(room.get()),
                                           static_cast<std::size_t>(written)));
}

py::tuple shares(const Integers& counts, const Integers& outside) {
  const Shape shape = shape3("counts", counts);
  require_shape("outside", outside, {shape[0], shape[1], 2});
  Floats splits(Shape{shape[0], shape[1], shape[2] + 2});
  Floats pooled(Shape{shape[0], shape[2] + 2});
  py::array_t<bool> known(Shape{shape[0]});
  double* const to_splits = splits.mutable_data();
  double* const to_pooled = pooled.mutable_data();
  auto* const to_known = reinterpret_cast<std::uint8_t*>(known.mutable_data());
  {
    const py::gil_scoped_release release;
    record::take_shares(shape[0], shape[1], shape[2], counts.data(), outside.data(), to_splits,
                        to_pooled, to_known);
  }
  return py::make_tuple(splits, pooled, known);
}

py::tuple motion(const Floats& before, const Floats& pooled_before, const Floats& now,
                 const Floats& pooled_now) {
  const Shape shape = shape3("before", before);
  require_shape("now", now, shape);
  require_shape("pooled_before", pooled_before, {shape[0], shape[2]});
  require_shape("pooled_now", pooled_now, {shape[0], shape[2]});
  Floats products(Shape{shape[0], shape[1], shape[1]});
  Integers occupied(Shape{shape[0]});
  double* const to_products = products.mutable_data();
  std::int64_t* const to_occupied = occupied.mutable_data();
  {
    const py::gil_scoped_release release;
    record::multiply_motion(shape[0], shape[1], shape[2], {before.data(), pooled_before.data()},
                            {now.data(), pooled_now.data()}, to_products, to_occupied);
  }
  return py::make_tuple(products, occupied);
}

}  // namespace

void bind_records(py::module_& module) {
  using py::arg;
  module.def("lay_out", &lay_out, arg("counts").noconvert(), arg("outside").noconvert(),
             arg("nan").noconvert(), arg("numel").noconvert(), arg("offsets").noconvert(),
             arg("difference_from"));
  module.def("shares", &shares, arg("counts").noconvert(), arg("outside").noconvert());
  module.def("motion", &motion, arg("before").noconvert(), arg("pooled_before").noconvert(),
             arg("now").noconvert(), arg("pooled_now").noconvert());
}

}  // namespace igfast
