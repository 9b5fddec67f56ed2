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

#include "record/center.h"
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

// (L,) mean over pairs of the splits from first up to end, and how clear it stands of noise.
py::tuple judge(const Floats& products, const Integers& occupied, std::int64_t first,
                std::int64_t end, double independent) {
  const Shape shape = shape3("products", products);
  require_shape("products", products, {shape[0], shape[1], shape[1]});
  require_shape("occupied", occupied, {shape[0]});
  if (first < 0 || end > shape[1] || end - first < 2) {
    throw py::value_error("first and end must hold two splits or more");
  }
  Floats shared(Shape{shape[0]});
  Floats clearness(Shape{shape[0]});
  record::judge_motion(shape[0], shape[1], products.data(), occupied.data(), first, end,
                       independent, shared.mutable_data(), clearness.mutable_data());
  return py::make_tuple(shared, clearness);
}

// (L, 4) fields of record::Center.
Integers centers(const Integers& counts, const Integers& underflow, const Integers& overflow,
                 const Integers& zeros, const Integers& zero_cell, std::int64_t tail) {
  if (counts.ndim() != 2) {
    throw py::value_error("counts must have two axes, layers first");
  }
  const Shape rows{counts.shape(0)};
  require_shape("underflow", underflow, rows);
  require_shape("overflow", overflow, rows);
  require_shape("zeros", zeros, rows);
  require_shape("zero_cell", zero_cell, rows);
  Integers found(Shape{rows[0], sizeof(record::Center) / sizeof(std::int64_t)});
  record::find_centers(rows[0], counts.shape(1), tail, counts.data(), underflow.data(),
                       overflow.data(), zeros.data(), zero_cell.data(),
                       reinterpret_cast<record::Center*>(found.mutable_data()));
  return found;
}

// Offsets in 256ths; raises where one is no multiple of 1/256.
Integers units(const Floats& offsets) {
  Integers found(Shape(offsets.shape(), offsets.shape() + offsets.ndim()));
  std::int64_t* const out = found.mutable_data();
  bool exact = false;
  {
    const py::gil_scoped_release release;
    exact = record::to_units(offsets.size(), offsets.data(), out);
  }
  if (!exact) {
    throw py::value_error(
        "offsets must be multiples of 1/256, as they are counted; a rebinned or merged histogram "
        "cannot be stored, store the original one");
  }
  return found;
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
  module.def("judge", &judge, arg("products").noconvert(), arg("occupied").noconvert(),
             arg("first"), arg("end"), arg("independent"));
  module.def("centers", &centers, arg("counts").noconvert(), arg("underflow").noconvert(),
             arg("overflow").noconvert(), arg("zeros").noconvert(), arg("zero_cell").noconvert(),
             arg("tail"));
  module.def("units", &units, arg("offsets").noconvert());
}

}  // namespace igfast
