// The Python side of what becomes of a record once it is counted: the GIL is released meanwhile, so
// that the thread which stores records does not hold up the training.
#include "record_bindings.h"

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "array_shapes.h"
#include "kernel_arguments.h"
#include "record/automatic.h"
#include "record/checksum.h"
#include "record/coding.h"
#include "record/motion.h"

namespace py = pybind11;

namespace igfast {
namespace {

// What a record's directory says of a layer, as it is stored.
struct Entry {
  std::uint32_t size, checksum, flags;
  std::int32_t exponent;
  std::int64_t origin, nan, numel;
};
static_assert(sizeof(Entry) == 40, "entries lie behind one another");
constexpr std::uint32_t kDifferenced = 1;

struct Bytes {
  const std::uint8_t* data;
  std::size_t size;
};

Bytes bytes_of(const py::bytes& object) {
  char* data = nullptr;
  py::ssize_t size = 0;
  if (PyBytes_AsStringAndSize(object.ptr(), &data, &size) != 0) {
    throw py::error_already_set();
  }
  return {reinterpret_cast<const std::uint8_t*>(data), static_cast<std::size_t>(size)};
}

// Counts (L, G, B), outside (L, G, 2) and, if asked for, offsets (L, G, B) of chosen layers; or
// what is wrong with the bytes.
py::object unpack_histograms(const py::bytes& directory, const py::bytes& segments,
                             const Integers& chosen, std::uint32_t start, bool with_offsets,
                             py::ssize_t splits, py::ssize_t bins) {
  if (splits < 1 || splits > 8 || bins < 1 || bins > 65536) {
    throw py::value_error("splits must be 1 to 8, bins 1 to 65,536");
  }
  const Bytes listed = bytes_of(directory);
  const Bytes stored = bytes_of(segments);
  std::vector<Entry> entries(listed.size / sizeof(Entry));
  std::copy_n(listed.data, entries.size() * sizeof(Entry),
              reinterpret_cast<std::uint8_t*>(entries.data()));
  std::vector<std::size_t> starts(entries.size() + 1, 0);
  for (std::size_t layer = 0; layer < entries.size(); ++layer) {
    starts[layer + 1] = starts[layer] + entries[layer].size;
  }
  if (starts.back() != stored.size) {
    return py::str("segments do not have the length that their directory gives");
  }
  const py::ssize_t rows = chosen.size();
  for (py::ssize_t row = 0; row < rows; ++row) {
    if (chosen.at(row) < 0 || chosen.at(row) >= static_cast<std::int64_t>(entries.size())) {
      throw py::index_error("the record has no such layer");
    }
  }
  Integers counts(Shape{rows, splits, bins});
  Integers outside(Shape{rows, splits, 2});
  Integers offsets(Shape{with_offsets ? rows : 0, splits, bins});
  std::int64_t* const to_counts = counts.mutable_data();
  std::int64_t* const to_outside = outside.mutable_data();
  std::int64_t* const to_offsets = with_offsets ? offsets.mutable_data() : nullptr;
  const std::int64_t* const wanted = chosen.data();
  py::ssize_t row = 0;
  bool checked = true;
  bool sound = true;
  {
    const py::gil_scoped_release release;
    for (; row < rows && sound; ++row) {
      const auto layer = static_cast<std::size_t>(wanted[row]);
      const Entry& entry = entries[layer];
      const std::uint8_t* const bytes = stored.data + starts[layer];
      const py::ssize_t cells = row * splits * bins;
      checked = record::crc32(bytes, entry.size, start) == entry.checksum;
      sound =
          checked && record::unpack(bytes, entry.size, (entry.flags & kDifferenced) != 0, splits,
                                    bins, to_counts + cells, to_outside + row * splits * 2,
                                    with_offsets ? to_offsets + cells : nullptr);
    }
  }
  if (!sound) {
    return py::str("segment of layer " + std::to_string(wanted[row - 1]) +
                   (checked ? " is not what the codec writes" : " fails its checksum"));
  }
  return py::make_tuple(counts, outside,
                        with_offsets ? py::object(offsets) : py::object(py::none()));
}

py::tuple shares(const Integers& counts, const Integers& outside) {
  const Shape shape = shape3("counts", counts);
  require_shape("outside", outside, {shape[0], shape[1], 2});
  Floats splits(Shape{shape[0], shape[1], shape[2] + 2});
  Floats pooled(Shape{shape[0], shape[2] + 2});
  py::array_t<bool> known(Shape{shape[0]});
  double* const to_splits = splits.mutable_data();
  double* const to_pooled = pooled.mutable_data();
  bool* const to_known = known.mutable_data();
  const std::int64_t* const of_counts = counts.data();
  const std::int64_t* const of_outside = outside.data();
  {
    const py::gil_scoped_release release;
    const py::ssize_t cells = shape[2] + 2;
    std::vector<std::int64_t> joined(static_cast<std::size_t>(cells));
    for (py::ssize_t layer = 0; layer < shape[0]; ++layer) {
      const py::ssize_t first = layer * shape[1];
      const record::Shares<double> to{to_splits + first * cells, to_pooled + layer * cells};
      to_known[layer] = record::take_shares(shape[1], shape[2], of_counts + first * shape[2],
                                            of_outside + first * 2, to, joined.data());
    }
  }
  return py::make_tuple(splits, pooled, known);
}

py::tuple motion(const Floats& before, const Floats& pooled_before, const Floats& now,
                 const Floats& pooled_now) {
  const Shape shape = shape3("before", before);
  require_splits(shape[1]);
  require_shape("now", now, shape);
  require_shape("pooled_before", pooled_before, {shape[0], shape[2]});
  require_shape("pooled_now", pooled_now, {shape[0], shape[2]});
  Floats products(Shape{shape[0], shape[1], shape[1]});
  Integers occupied(Shape{shape[0]});
  double* const to_products = products.mutable_data();
  std::int64_t* const to_occupied = occupied.mutable_data();
  const double* const from = before.data();
  const double* const from_pooled = pooled_before.data();
  const double* const to = now.data();
  const double* const to_pooled = pooled_now.data();
  {
    const py::gil_scoped_release release;
    for (py::ssize_t layer = 0; layer < shape[0]; ++layer) {
      const py::ssize_t row = layer * shape[2];
      to_occupied[layer] = record::multiply_motion<double>(
          shape[1], shape[2], {from + shape[1] * row, from_pooled + row},
          {to + shape[1] * row, to_pooled + row}, to_products + layer * shape[1] * shape[1]);
    }
  }
  return py::make_tuple(products, occupied);
}

// (L,) mean over pairs of splits, and how clear it stands of noise.
py::tuple judge(const Floats& products, const Integers& occupied, double independent) {
  const Shape shape = shape3("products", products);
  require_shape("products", products, {shape[0], shape[1], shape[1]});
  require_shape("occupied", occupied, {shape[0]});
  if (shape[1] < 2) {
    throw py::value_error("products must be of two splits or more");
  }
  Floats shared(Shape{shape[0]});
  Floats clearness(Shape{shape[0]});
  for (py::ssize_t layer = 0; layer < shape[0]; ++layer) {
    const record::Judged found = record::judge_motion(
        shape[1], products.data() + layer * shape[1] * shape[1], occupied.at(layer), independent);
    shared.mutable_at(layer) = found.shared;
    clearness.mutable_at(layer) = found.clearness;
  }
  return py::make_tuple(shared, clearness);
}

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
                       const Integers& outside, const py::array_t<std::int64_t, 0>& zeros,
                       const py::array_t<double, 0>& low, const py::array_t<double, 0>& high,
                       const Integers& precision, bool first) {
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
  const auto step = [](const py::array& array) { return array.strides(0) / array.itemsize(); };
  const bool moved = record::follow_layers(
      exponents.data(), origins.data(),
      {rows[0], shape[1], shape[2], counts.data(), outside.data(), zeros.data(), low.data(),
       high.data(), step(zeros), step(low), step(high), precision.data()},
      first, found.mutable_data());
  return moved ? py::object(found) : py::object(py::none());
}

}  // namespace

void bind_records(py::module_& module) {
  using py::arg;
  module.def("unpack_histograms", &unpack_histograms, arg("directory"), arg("segments"),
             arg("chosen").noconvert(), arg("start"), arg("with_offsets"), arg("splits"),
             arg("bins"));
  module.def("shares", &shares, arg("counts").noconvert(), arg("outside").noconvert());
  module.def("motion", &motion, arg("before").noconvert(), arg("pooled_before").noconvert(),
             arg("now").noconvert(), arg("pooled_now").noconvert());
  module.def("judge", &judge, arg("products").noconvert(), arg("occupied").noconvert(),
             arg("independent"));
  module.def("start_bins", &start_bins, arg("low").noconvert(), arg("high").noconvert(),
             arg("bins"), arg("precision").noconvert());
  module.def("follow_bins", &follow_bins, arg("exponents").noconvert(), arg("origins").noconvert(),
             arg("counts").noconvert(), arg("outside").noconvert(), arg("zeros").noconvert(),
             arg("low").noconvert(), arg("high").noconvert(), arg("precision").noconvert(),
             arg("first"));
}

}  // namespace igfast
