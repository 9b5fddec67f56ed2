// The Python side of a record's numbers: moments, their bytes, and the health that they tell.
#include "numbers_bindings.h"

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <cstring>
#include <vector>

#include "array_shapes.h"
#include "counted_block.h"
#include "record/health.h"
#include "record/numbers.h"

namespace py = pybind11;

namespace igfast {
namespace {

// (9, L) floats of moments from (L, 4) and (L, 8) sums.
Floats moment_floats(const Integers& integers, const Floats& sums) {
  const py::ssize_t layers = sums.ndim() == 2 ? sums.shape(0) : 0;
  require_shape("sums", sums, {layers, record::kSums});
  require_shape("integers", integers, {layers, record::kMomentIntegers});
  Floats found(Shape{record::kMomentFloats, layers});
  record::take_moments(layers, integers.data(), sums.data(), found.mutable_data());
  return found;
}

// Standard deviations that layers moved on average, each at most `most`.
double moved(const Floats& before, const Floats& now, double most) {
  const py::ssize_t layers = now.ndim() == 2 ? now.shape(1) : 0;
  require_shape("now", now, {record::kMomentFloats, layers});
  require_shape("before", before, {record::kMomentFloats, layers});
  return record::distance(layers, before.data(), now.data(), most);
}

// record::Health behind checked arrays.
class Health {
 public:
  Health(const py::array_t<bool, py::array::c_style>& free, std::int64_t patience, double growth,
         std::int64_t window, bool parameters)
      : health_({patience, growth, window, parameters}, {free.data(), free.data() + free.size()}) {}

  // Kind, layer and value of what holds, or None where nothing is wrong.
  py::object examine(const Integers& integers, const Floats& floats) {
    const py::ssize_t width = floats.ndim() == 2 ? floats.shape(1) : 0;
    if (width < 4) {
      throw py::value_error("floats must have min, max, sum and sum of squares of each layer");
    }
    require_shape("integers", integers, {health_.layers(), 4});
    require_shape("floats", floats, {health_.layers(), width});
    return examine(integers.data(), floats.data(), width);
  }

  py::object examine_block(const Block& block) {
    if (block.places().layers != health_.layers()) {
      throw py::value_error("the record has other layers than were examined before");
    }
    const igf_moments_output sums = block.sums();
    return examine(sums.integers, sums.floats, record::kSums);
  }

 private:
  py::object examine(const std::int64_t* integers, const double* floats, std::int64_t width) {
    const auto found = health_.examine(integers, floats, width);
    if (found.empty()) {
      return py::none();
    }
    py::list conditions;
    for (const record::Condition& one : found) {
      conditions.append(py::make_tuple(static_cast<std::int64_t>(one.kind), one.layer, one.value));
    }
    return conditions;
  }

  record::Health health_;
};

// Offsets in 256ths become float64 bins, in the same memory: new memory costs more than the
// numbers.
void to_positions(Integers units) {
  std::int64_t* const words = units.mutable_data();
  const py::ssize_t size = units.size();
  const py::gil_scoped_release release;
  for (py::ssize_t i = 0; i < size; ++i) {
    const double position = static_cast<double>(words[i]) * (1.0 / 256);
    std::memcpy(words + i, &position, sizeof position);
  }
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

void bind_numbers(py::module_& module) {
  using py::arg;
  module.def("moment_floats", &moment_floats, arg("integers").noconvert(), arg("sums").noconvert());
  module.def("moved", &moved, arg("before").noconvert(), arg("now").noconvert(), arg("most"));
  py::class_<Health>(module, "Health")
      .def(py::init<const py::array_t<bool, py::array::c_style>&, std::int64_t, double,
                    std::int64_t, bool>(),
           arg("free").noconvert(), arg("patience"), arg("growth"), arg("window"),
           arg("parameters"))
      .def("examine", py::overload_cast<const Integers&, const Floats&>(&Health::examine),
           arg("integers").noconvert(), arg("floats").noconvert())
      .def("examine_block", &Health::examine_block, arg("block"));
  module.def("units", &units, arg("offsets").noconvert());
  module.def("to_positions", &to_positions, arg("units").noconvert());
}

}  // namespace igfast
