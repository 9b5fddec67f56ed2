// The Python side of what becomes of a record once it is counted: the GIL is released meanwhile, so
// that the thread which stores records does not hold up the training.
#include "record_bindings.h"

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <algorithm>
#include <cstring>
#include <optional>
#include <string>
#include <vector>

#include "record/automatic.h"
#include "record/coding.h"
#include "record/motion.h"
#include "record/online.h"

namespace py = pybind11;

namespace igfast {
namespace {

using Integers = py::array_t<std::int64_t, py::array::c_style>;
using Floats = py::array_t<double, py::array::c_style>;
using Shape = std::vector<py::ssize_t>;

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

// (L,) bytes of each layer, (L,) whether its counts are coded as differences, and all the bytes.
py::tuple pack(const Integers& counts, const Integers& outside, const Integers& nan,
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
  Integers sizes(Shape{shape[0]});
  Integers differenced(Shape{shape[0]});
  std::int64_t* const to_sizes = sizes.mutable_data();
  std::int64_t* const to_differenced = differenced.mutable_data();
  std::vector<std::uint8_t> bytes;
  record::Found found{};
  {
    const py::gil_scoped_release release;
    found = record::pack(cells, difference_from, to_sizes, to_differenced, &bytes);
  }
  if (found == record::Found::kCountsDoNotAddUp) {
    throw py::value_error("counts + underflow + overflow + nan must be numel, none negative");
  }
  if (found == record::Found::kImpossibleOffset) {
    throw py::value_error("offsets must lie between 0 and 255/256 of their counts");
  }
  return py::make_tuple(sizes, differenced,
                        py::bytes(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
}

// Counts (G, B), outside (G, 2) and offsets (G, B) of one layer, or None where its bytes are not
// what pack wrote; offsets are zeros unless asked for.
py::object unpack(const py::bytes& layer, bool differenced, bool with_offsets, py::ssize_t splits,
                  py::ssize_t bins) {
  if (splits < 1 || splits > 8 || bins < 1 || bins > 65536) {
    throw py::value_error("splits must be 1 to 8, bins 1 to 65,536");
  }
  Integers counts(Shape{splits, bins});
  Integers outside(Shape{splits, 2});
  Integers offsets(Shape{splits, bins});
  char* data = nullptr;
  py::ssize_t size = 0;
  if (PyBytes_AsStringAndSize(layer.ptr(), &data, &size) != 0) {
    throw py::error_already_set();
  }
  std::int64_t* const to_counts = counts.mutable_data();
  std::int64_t* const to_outside = outside.mutable_data();
  std::int64_t* const to_offsets = offsets.mutable_data();
  bool sound = false;
  {
    const py::gil_scoped_release release;
    std::fill_n(to_offsets, splits * bins, 0);
    sound = record::unpack(reinterpret_cast<const std::uint8_t*>(data), size, differenced, splits,
                           bins, to_counts, to_outside, with_offsets ? to_offsets : nullptr);
  }
  return sound ? py::object(py::make_tuple(counts, outside, offsets)) : py::object(py::none());
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

// record::Online behind checked arrays.
class Online {
 public:
  Online(std::int64_t layers, std::int64_t splits, std::int64_t bins, double clear, double likely,
         double independent)
      : online_(layers, splits, bins, {clear, likely, independent}) {}

  void begin(const Integers& counts, const Integers& outside,
             const std::optional<Floats>& lengths) {
    check(counts, outside);
    if (lengths) {
      require_shape("lengths", *lengths, {online_.layers()});
    }
    const double* given = lengths ? lengths->data() : nullptr;
    const std::int64_t* of_counts = counts.data();
    const std::int64_t* of_outside = outside.data();
    const py::gil_scoped_release release;
    online_.begin(of_counts, of_outside, given);
  }

  // (2, L) cross and floor.
  Floats follow(const Integers& counts, const Integers& outside,
                const py::array_t<bool, py::array::c_style>& same,
                const std::optional<Floats>& aligned) {
    check(counts, outside);
    const py::ssize_t layers = online_.layers();
    require_shape("same", same, {layers});
    if (aligned) {
      require_shape("aligned", *aligned, {layers, online_.splits(), online_.splits()});
    } else if (!std::all_of(same.data(), same.data() + layers, [](bool one) { return one; })) {
      throw py::value_error("aligned is needed where bins differ");
    }
    Floats found(Shape{2, layers});
    double* const out = found.mutable_data();
    const record::Step step{counts.data(), outside.data(),
                            reinterpret_cast<const std::uint8_t*>(same.data()),
                            aligned ? aligned->data() : nullptr};
    const py::gil_scoped_release release;
    online_.follow(step, out, out + layers);
    return found;
  }

  void undo() { online_.undo(); }

  // (3, L) length, entropy, complexity.
  Floats read() const {
    const py::ssize_t layers = online_.layers();
    Floats found(Shape{3, layers});
    double* const out = found.mutable_data();
    const py::gil_scoped_release release;
    online_.read(out, out + layers, out + 2 * layers);
    return found;
  }

 private:
  void check(const Integers& counts, const Integers& outside) const {
    require_shape("counts", counts, {online_.layers(), online_.splits(), online_.bins()});
    require_shape("outside", outside, {online_.layers(), online_.splits(), 2});
  }

  record::Online online_;
};

// (2, L) exponents and origins of automatic bins, from extremes alone.
Integers start_bins(const Floats& low, const Floats& high, std::int64_t bins,
                    const Integers& precision) {
  const Shape rows{low.size()};
  require_shape("low", low, rows);
  require_shape("high", high, rows);
  require_shape("precision", precision, rows);
  Integers found(Shape{2, rows[0]});
  for (py::ssize_t row = 0; row < rows[0]; ++row) {
    const auto started = record::start_bins(low.at(row), high.at(row), bins, precision.at(row));
    found.mutable_at(0, row) = started.exponent;
    found.mutable_at(1, row) = started.origin;
  }
  return found;
}

// (2, L) exponents and origins for the next record, or None where all bins stay.
py::object follow_bins(const Integers& exponents, const Integers& origins, const Integers& counts,
                       const Integers& outside, const Integers& zeros, const Floats& low,
                       const Floats& high, const Integers& precision, bool first) {
  const Shape shape = shape3("counts", counts);
  const Shape rows{shape[0]};
  require_shape("exponents", exponents, rows);
  require_shape("origins", origins, rows);
  require_shape("outside", outside, {shape[0], shape[1], 2});
  require_shape("zeros", zeros, rows);
  require_shape("low", low, rows);
  require_shape("high", high, rows);
  require_shape("precision", precision, rows);
  Integers found(Shape{2, rows[0]});
  std::vector<std::int64_t> sums(static_cast<std::size_t>(shape[2]));
  bool moved = false;
  for (py::ssize_t row = 0; row < rows[0]; ++row) {
    const record::DyadicBins now{exponents.at(row), origins.at(row)};
    const record::Observed seen{counts.data(row), outside.data(row), shape[1],
                                shape[2],         zeros.at(row),     low.at(row),
                                high.at(row),     precision.at(row)};
    const record::DyadicBins next = record::follow_bins(now, seen, first, sums.data());
    moved = moved || next.exponent != now.exponent || next.origin != now.origin;
    found.mutable_at(0, row) = next.exponent;
    found.mutable_at(1, row) = next.origin;
  }
  return moved ? py::object(found) : py::object(py::none());
}

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

void bind_records(py::module_& module) {
  using py::arg;
  module.def("pack", &pack, arg("counts").noconvert(), arg("outside").noconvert(),
             arg("nan").noconvert(), arg("numel").noconvert(), arg("offsets").noconvert(),
             arg("difference_from"));
  module.def("unpack", &unpack, arg("layer"), arg("differenced"), arg("with_offsets"),
             arg("splits"), arg("bins"));
  module.def("shares", &shares, arg("counts").noconvert(), arg("outside").noconvert());
  module.def("motion", &motion, arg("before").noconvert(), arg("pooled_before").noconvert(),
             arg("now").noconvert(), arg("pooled_now").noconvert());
  module.def("judge", &judge, arg("products").noconvert(), arg("occupied").noconvert(),
             arg("first"), arg("end"), arg("independent"));
  py::class_<Online>(module, "Online")
      .def(py::init<std::int64_t, std::int64_t, std::int64_t, double, double, double>(),
           arg("layers"), arg("splits"), arg("bins"), arg("clear"), arg("likely"),
           arg("independent"))
      .def("begin", &Online::begin, arg("counts").noconvert(), arg("outside").noconvert(),
           arg("lengths").noconvert())
      .def("follow", &Online::follow, arg("counts").noconvert(), arg("outside").noconvert(),
           arg("same").noconvert(), arg("aligned").noconvert())
      .def("undo", &Online::undo)
      .def("read", &Online::read);
  module.def("start_bins", &start_bins, arg("low").noconvert(), arg("high").noconvert(),
             arg("bins"), arg("precision").noconvert());
  module.def("follow_bins", &follow_bins, arg("exponents").noconvert(), arg("origins").noconvert(),
             arg("counts").noconvert(), arg("outside").noconvert(), arg("zeros").noconvert(),
             arg("low").noconvert(), arg("high").noconvert(), arg("precision").noconvert(),
             arg("first"));
  module.def("units", &units, arg("offsets").noconvert());
  module.def("to_positions", &to_positions, arg("units").noconvert());
}

}  // namespace igfast
