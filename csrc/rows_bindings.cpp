// The Python side of what a run store writes: running measures and bytes of records, all of those
// that have gathered in one call, for the thread that stores them must not hold Python's lock.
#include "rows_bindings.h"

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <algorithm>
#include <limits>
#include <optional>
#include <vector>

#include "array_shapes.h"
#include "kernel_arguments.h"
#include "record/bell.h"
#include "record/numbers.h"
#include "record/online.h"
#include "record/rows.h"
#include "row_arguments.h"

namespace py = pybind11;

namespace igfast {
namespace {

using Same = py::array_t<bool, py::array::c_style>;

constexpr py::ssize_t kMeasures = 5;  // of `igfast.analysis.online.RUNNING_FIELDS`

py::bytes to_python(const record::Bytes& bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

void require_sound(record::Found found) {
  if (found == record::Found::kCountsDoNotAddUp) {
    throw py::value_error("counts + underflow + overflow + nan must be numel, none negative");
  }
  if (found == record::Found::kImpossibleOffset) {
    throw py::value_error("offsets must lie between 0 and 255/256 of their counts");
  }
}

py::tuple pack_histograms(const Integers& counts, const Integers& outside, const Integers& nan,
                          const Integers& numel, const std::optional<Integers>& offsets,
                          const std::optional<Integers>& exponents,
                          const std::optional<Integers>& origins, std::int64_t difference_from,
                          std::uint32_t start) {
  const Histograms given{CountedRecord::of_arrays(counts, outside),
                         nan,
                         numel,
                         offsets,
                         exponents,
                         origins,
                         difference_from,
                         start};
  given.check();
  const record::Cells cells = given.cells();
  const record::Bins bins = given.bins();
  record::Bytes directory;
  record::Bytes segments;
  record::Found found{};
  {
    const py::gil_scoped_release release;
    found = record::pack_histograms(cells, bins, difference_from, start, &directory, &segments);
  }
  require_sound(found);
  return py::make_tuple(to_python(directory), to_python(segments));
}

py::tuple pack_numbers(const py::array_t<float, py::array::c_style>& running,
                       const std::optional<Integers>& integers, const std::optional<Floats>& floats,
                       const std::optional<Integers>& bins, std::uint32_t start) {
  const py::ssize_t layers = running.ndim() == 2 ? running.shape(1) : 0;
  require_shape("running", running, {kMeasures, layers});
  Rest{integers, floats, bins, start}.check(layers);
  record::Bytes first;
  record::Bytes rest;
  record::pack_numbers(
      {layers, running.data(), kMeasures, data_of(integers), data_of(floats), data_of(bins)}, start,
      &first, &rest);
  return py::make_tuple(to_python(first), to_python(rest));
}

// record::Online behind checked arrays. Its ways to take a record give (5, L) of it.
class Online {
 public:
  Online(std::int64_t layers, std::int64_t splits, std::int64_t bins, double clear, double likely,
         double independent)
      : online_((require_splits(splits), layers), splits, bins, {clear, likely, independent}) {}

  Floats begin(const Integers& counts, const Integers& outside,
               const std::optional<Floats>& lengths) {
    const CountedRecord of = checked(CountedRecord::of_arrays(counts, outside));
    if (lengths) {
      require_shape("lengths", *lengths, {online_.layers()});
    }
    Floats found(Shape{kMeasures, online_.layers()});
    double* const out = found.mutable_data();
    const double* of_lengths = data_of(lengths);
    const py::gil_scoped_release release;
    begin(of.counts, of.outside, of_lengths, out);
    return found;
  }

  // `same` is None where no bins moved.
  Floats follow(const Integers& counts, const Integers& outside, double interval,
                const std::optional<Same>& same, const std::optional<Floats>& aligned) {
    const auto of = checked(CountedRecord::of_arrays(counts, outside));
    const record::Step step = step_of(of, same, aligned);
    Floats found(Shape{kMeasures, online_.layers()});
    double* const out = found.mutable_data();
    const py::gil_scoped_release release;
    follow(step, interval, out);
    return found;
  }

  void undo() { online_.undo(); }

  // Takes records and returns their rows: running measures and other numbers, and directory and
  // segments where histograms are kept. A record is (counted, interval, same, aligned), see
  // CountedRecord, no interval beginning anew; (integers, floats, bins, start); and None or (nan,
  // numel, offsets, exponents, origins, difference_from, start), of a block without nan and
  // offsets.
  py::list rows(const py::list& records) {
    std::vector<Job> jobs;
    for (const py::handle& given : records) {
      jobs.push_back(job(py::cast<py::tuple>(given)));
    }
    record::Found found = record::Found::kSound;
    {
      const py::gil_scoped_release release;
      std::vector<double> measured(static_cast<std::size_t>(kMeasures * online_.layers()));
      std::vector<float> running(measured.size());
      for (Job& one : jobs) {
        if (one.interval > 0) {
          follow(one.step, one.interval, measured.data());
        } else {
          begin(one.step.counts, one.step.outside, nullptr, measured.data());
        }
        std::transform(measured.begin(), measured.end(), running.begin(),
                       [](double value) { return static_cast<float>(value); });
        one.numbers.running = running.data();
        record::pack_numbers(one.numbers, one.start, &one.bytes[0], &one.bytes[1]);
        if (one.histograms && found == record::Found::kSound) {
          found = record::pack_histograms(one.cells, one.bins, one.histograms->difference_from,
                                          one.histograms->start, &one.bytes[2], &one.bytes[3]);
        }
      }
    }
    require_sound(found);
    py::list out;
    for (const Job& one : jobs) {
      const py::object kept =
          one.histograms
              ? py::object(py::make_tuple(to_python(one.bytes[2]), to_python(one.bytes[3])))
              : py::object(py::none());
      out.append(py::make_tuple(to_python(one.bytes[0]), to_python(one.bytes[1]), kept));
    }
    return out;
  }

 private:
  // A record with the arrays that its pointers point to.
  struct Job {
    py::tuple given;
    std::optional<Same> same;
    std::optional<Floats> aligned;
    Rest rest;
    std::optional<Histograms> histograms;
    record::Step step{};
    double interval = 0;
    record::Numbers numbers{};
    std::uint32_t start = 0;
    record::Cells cells{};
    record::Bins bins{};
    record::Bytes bytes[4];
  };

  Job job(const py::tuple& given) {
    const auto moved = py::cast<py::tuple>(given[0]);
    const auto rest = py::cast<py::tuple>(given[1]);
    const CountedRecord counted = checked(CountedRecord::of(moved[0]));
    Job found;
    found.given = given;
    found.interval = moved[1].is_none() ? 0.0 : py::cast<double>(moved[1]);
    found.same = py::cast<std::optional<Same>>(moved[2]);
    found.aligned = py::cast<std::optional<Floats>>(moved[3]);
    found.step = step_of(counted, found.same, found.aligned);
    found.rest = {py::cast<std::optional<Integers>>(rest[0]),
                  py::cast<std::optional<Floats>>(rest[1]),
                  py::cast<std::optional<Integers>>(rest[2]), py::cast<std::uint32_t>(rest[3])};
    found.rest.check(online_.layers());
    found.numbers = {online_.layers(),
                     nullptr,
                     kMeasures,
                     data_of(found.rest.integers),
                     data_of(found.rest.floats),
                     data_of(found.rest.bins)};
    found.start = found.rest.start;
    if (!given[2].is_none()) {
      const auto kept = py::cast<py::tuple>(given[2]);
      found.histograms = Histograms{counted,
                                    py::cast<std::optional<Integers>>(kept[0]),
                                    py::cast<Integers>(kept[1]),
                                    py::cast<std::optional<Integers>>(kept[2]),
                                    py::cast<std::optional<Integers>>(kept[3]),
                                    py::cast<std::optional<Integers>>(kept[4]),
                                    py::cast<std::int64_t>(kept[5]),
                                    py::cast<std::uint32_t>(kept[6])};
      found.histograms->check();
      found.cells = found.histograms->cells();
      found.bins = found.histograms->bins();
    }
    return found;
  }

  CountedRecord checked(CountedRecord counted) const {
    if (counted.shape != Shape{online_.layers(), online_.splits(), online_.bins()}) {
      throw py::value_error("counts has another shape than the other records");
    }
    return counted;
  }

  record::Step step_of(const CountedRecord& counted, const std::optional<Same>& same,
                       const std::optional<Floats>& aligned) const {
    const py::ssize_t layers = online_.layers();
    if (same) {
      require_shape("same", *same, {layers});
    }
    if (aligned) {
      require_shape("aligned", *aligned, {layers, online_.splits(), online_.splits()});
    } else if (same && std::count(same->data(), same->data() + layers, true) < layers) {
      throw py::value_error("aligned is needed where bins differ");
    }
    return {counted.counts, counted.outside, reinterpret_cast<const std::uint8_t*>(data_of(same)),
            data_of(aligned)};
  }

  void begin(const std::int64_t* counts, const std::int64_t* outside, const double* lengths,
             double* out) {
    online_.begin(counts, outside, lengths);
    std::fill_n(out, 2 * online_.layers(), std::numeric_limits<double>::quiet_NaN());
    read(out);
  }

  void follow(const record::Step& step, double interval, double* out) {
    const std::int64_t layers = online_.layers();
    online_.follow(step, out, out + layers);
    for (std::int64_t layer = 0; layer < layers; ++layer) {
      out[layer] /= interval * interval;
      out[layers + layer] /= interval;
    }
    read(out);
  }

  void read(double* out) const {
    const std::int64_t layers = online_.layers();
    online_.read(out + 2 * layers, out + 3 * layers, out + 4 * layers);
  }

  record::Online online_;
};

}  // namespace

void bind_rows(py::module_& module) {
  using py::arg;
  module.def("pack_histograms", &pack_histograms, arg("counts").noconvert(),
             arg("outside").noconvert(), arg("nan").noconvert(), arg("numel").noconvert(),
             arg("offsets").noconvert(), arg("exponents").noconvert(), arg("origins").noconvert(),
             arg("difference_from"), arg("start"));
  module.def("pack_numbers", &pack_numbers, arg("running").noconvert(), arg("integers").noconvert(),
             arg("floats").noconvert(), arg("bins").noconvert(), arg("start"));
  py::class_<Online>(module, "Online")
      .def(py::init<std::int64_t, std::int64_t, std::int64_t, double, double, double>(),
           arg("layers"), arg("splits"), arg("bins"), arg("clear"), arg("likely"),
           arg("independent"))
      .def("begin",
           py::overload_cast<const Integers&, const Integers&, const std::optional<Floats>&>(
               &Online::begin),
           arg("counts").noconvert(), arg("outside").noconvert(), arg("lengths").noconvert())
      .def("follow",
           py::overload_cast<const Integers&, const Integers&, double, const std::optional<Same>&,
                             const std::optional<Floats>&>(&Online::follow),
           arg("counts").noconvert(), arg("outside").noconvert(), arg("interval"),
           arg("same").noconvert(), arg("aligned").noconvert())
      .def("undo", &Online::undo)
      .def("rows", &Online::rows, arg("records"));
  py::class_<record::Bell>(module, "Bell")
      .def(py::init<>())
      .def("ring", &record::Bell::ring, arg("urgent"))
      .def("wait", &record::Bell::wait, arg("seconds"), py::call_guard<py::gil_scoped_release>());
}

}  // namespace igfast
