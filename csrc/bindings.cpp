// The Python side of the kernels: checks arrays, releases the GIL, calls the backend table.
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <cmath>
#include <map>
#include <string>
#include <tuple>
#include <vector>

#include "array_checks.h"
#include "backend.h"
#include "cpu/isa.h"
#include "device_bindings.h"
#include "dtype.h"
#include "layout_bindings.h"
#include "measures_bindings.h"
#include "numbers_bindings.h"
#include "record_bindings.h"
#include "rows_bindings.h"

namespace py = pybind11;

namespace {

using igfast::leading_size;
using igfast::require;
using igfast::require_output;
using igfast::require_range;
using Used = std::tuple<std::string, std::int64_t>;

struct Tensors {
  const igf_tensor* data;
  std::int64_t count;
};

Tensors require_tensors(const char* operation, const py::object& object, std::int64_t rows) {
  const py::ssize_t count = leading_size("tensors", object);
  const auto table = require<std::int64_t>("tensors", object, {count, 5});
  const auto* tensors = reinterpret_cast<const igf_tensor*>(table.data());
  for (py::ssize_t t = 0; t < count; ++t) {
    const auto where = [&] { return "tensors[" + std::to_string(t) + "]"; };
    const auto require_field = [&](const char* field, std::int64_t value, std::int64_t most) {
      if (value < 0 || value > most) {
        require_range((where() + field).c_str(), value, 0, most);
      }
    };
    constexpr std::int64_t kMost = std::int64_t{1} << 56;
    require_field(" numel", tensors[t].numel, kMost);
    require_field(" start", tensors[t].start, kMost);
    require_field(" row", tensors[t].row, rows - 1);
    igfast::dispatch_dtype(operation, tensors[t].dtype, [](auto) {});
    if (tensors[t].numel > 0 && tensors[t].pointer == 0) {
      throw py::value_error(where() + " has " + std::to_string(tensors[t].numel) +
                            " elements but a null pointer (a meta or fake tensor?)");
    }
  }
  return {tensors, count};
}

igf_moments_output require_moments(const py::object& integers, const py::object& floats,
                                   std::int64_t rows) {
  return {require_output<std::int64_t>("moments integers", integers, {rows, 4}),
          require_output<double>("moments floats", floats, {rows, 8})};
}

void require_uniform(igf_grid& grid, const py::object& object, std::int64_t rows) {
  if (object.is_none()) {
    throw py::value_error("edges must be given for a uniform grid");
  }
  const py::ssize_t edge_rows = leading_size("edges", object);
  if (edge_rows != 1 && edge_rows != rows) {
    throw py::value_error("edges must have 1 or " + std::to_string(rows) + " rows, not " +
                          std::to_string(edge_rows));
  }
  const auto edges = require<double>("edges", object, {edge_rows, grid.bins + 1});
  for (py::ssize_t row = 0; row < edge_rows; ++row) {
    const double* edge = edges.data() + row * (grid.bins + 1);
    for (std::int64_t b = 0; b < grid.bins; ++b) {
      if (!(edge[b] < edge[b + 1])) {
        throw py::value_error("edges must be strictly increasing and not NaN; row " +
                              std::to_string(row) + " is not at index " + std::to_string(b));
      }
    }
    if (!std::isfinite(edge[grid.bins] - edge[0])) {
      throw py::value_error("edges must span a finite range; row " + std::to_string(row) +
                            " does not");
    }
  }
  grid.edges = edges.data();
  grid.edge_rows = edge_rows;
}

void require_dyadic(igf_grid& grid, const py::object& exponents, const py::object& origins,
                    std::int64_t rows) {
  const auto k = require<std::int64_t>("exponents", exponents, {rows});
  const auto o = require<std::int64_t>("origins", origins, {rows});
  constexpr std::int64_t kFarthest = std::int64_t{1} << 44;
  for (std::int64_t row = 0; row < rows; ++row) {
    require_range("exponents", k.data()[row], -1100, 1023);
    require_range("origins", o.data()[row], grid.bins - kFarthest, kFarthest - grid.bins);
  }
  grid.exponents = k.data();
  grid.origins = o.data();
}

void require_log(igf_grid& grid, const py::object& object) {
  if (object.is_none()) {
    throw py::value_error("log must be (mantissa_bits, min_exponent, max_exponent) for a log grid");
  }
  const auto [mantissa_bits, min_exponent, max_exponent] =
      object.cast<std::tuple<std::int64_t, std::int64_t, std::int64_t>>();
  require_range("mantissa_bits", mantissa_bits, 0, 14);
  require_range("min_exponent", min_exponent, -1100, 1023);
  require_range("max_exponent", max_exponent, min_exponent + 1, 1024);
  const std::int64_t bins = 2 * ((max_exponent - min_exponent) << mantissa_bits) + 1;
  if (grid.bins != bins) {
    throw py::value_error("bins must be " + std::to_string(bins) + " for this log grid, not " +
                          std::to_string(grid.bins));
  }
  grid.mantissa_bits = mantissa_bits;
  grid.min_exponent = min_exponent;
  grid.max_exponent = max_exponent;
}

// Runs one entry of the table without the GIL; its error text becomes RuntimeError.
template <class Args>
void run(int (*operation)(Args*), Args& args) {
  int status;
  {
    py::gil_scoped_release release;
    status = operation(&args);
  }
  if (status != 0) {
    throw std::runtime_error(args.error);
  }
}

Used histogram(const py::object& tensors, std::int64_t grid, std::int64_t bins, std::int64_t splits,
               const py::object& edges, const py::object& exponents, const py::object& origins,
               const py::object& log, const py::object& split_counts,
               const py::object& split_outside, const py::object& nan, const py::object& offsets,
               const py::object& moments, std::int64_t threads, const py::object& extents) {
  const std::int64_t rows = leading_size("nan", nan);
  igf_histogram_args args{};
  require_range("grid", grid, IGF_UNIFORM, IGF_LOG);
  require_range("bins", bins, 1, IGF_MAX_BINS);
  if (splits != 1 && splits != 2 && splits != 4 && splits != 8) {
    throw py::value_error("splits must be 1, 2, 4 or 8, not " + std::to_string(splits));
  }
  require_range("threads", threads, 0, IGF_MAX_THREADS);
  const Tensors list = require_tensors("histogram", tensors, rows);
  args.tensors = list.data;
  args.tensor_count = list.count;
  args.rows = rows;
  args.grid.kind = static_cast<igf_grid_kind>(grid);
  args.grid.bins = bins;
  args.splits = splits;
  args.threads = threads;
  switch (args.grid.kind) {
    case IGF_UNIFORM: require_uniform(args.grid, edges, rows); break;
    case IGF_DYADIC: require_dyadic(args.grid, exponents, origins, rows); break;
    case IGF_LOG: require_log(args.grid, log); break;
  }
  args.split_counts =
      require_output<std::int64_t>("split_counts", split_counts, {rows, splits, bins});
  args.split_outside =
      require_output<std::int64_t>("split_outside", split_outside, {rows, splits, 2});
  args.nan = require_output<std::int64_t>("nan", nan, {rows});
  if (!offsets.is_none()) {
    if (args.grid.kind == IGF_UNIFORM) {
      throw py::value_error("offsets must be None on a uniform grid; use a dyadic or log grid");
    }
    args.offsets = require_output<std::int64_t>("offsets", offsets, {rows, splits, bins});
  }
  if (!moments.is_none()) {
    const auto [integers, floats] = moments.cast<std::tuple<py::object, py::object>>();
    args.moments = require_moments(integers, floats, rows);
  }
  if (!extents.is_none()) {
    if (args.grid.kind != IGF_DYADIC) {
      throw py::value_error("extents must be None unless the grid is dyadic; ask for moments");
    }
    const auto [zeros, extremes] = extents.cast<std::tuple<py::object, py::object>>();
    args.extents = {require_output<std::int64_t>("extents zeros", zeros, {rows}),
                    require_output<double>("extents extremes", extremes, {rows, 2})};
  }
  run(igfast::operations().histogram, args);
  return {args.isa_used, args.threads_used};
}

Used moments(const py::object& tensors, const py::object& integers, const py::object& floats,
             std::int64_t threads) {
  const std::int64_t rows = leading_size("integers", integers);
  igf_moments_args args{};
  require_range("threads", threads, 0, IGF_MAX_THREADS);
  const Tensors list = require_tensors("moments", tensors, rows);
  args.tensors = list.data;
  args.tensor_count = list.count;
  args.rows = rows;
  args.output = require_moments(integers, floats, rows);
  args.threads = threads;
  run(igfast::operations().moments, args);
  return {args.isa_used, args.threads_used};
}

std::vector<std::string> available_isas() {
  std::vector<std::string> names;
  for (const igfast::Isa isa : igfast::available_isas()) {
    names.emplace_back(igfast::isa_name(isa));
  }
  return names;
}

std::map<std::string, std::string> build_info() {
  return {{"compiler", IGFAST_COMPILER}, {"version", IGFAST_VERSION}, {"cuda", IGFAST_CUDA_STATUS}};
}

}  // namespace

PYBIND11_MODULE(_core, module, py::mod_gil_not_used()) {
  module.doc() = "Compiled kernels of igfast: batched histograms, moments and measures.";
  std::map<std::string, std::int64_t> dtypes;
  for (const igfast::DtypeName& dtype : igfast::kDtypes) {
    dtypes[dtype.name] = static_cast<std::int64_t>(dtype.tag);
  }
  module.attr("DTYPES") = dtypes;
  module.attr("GRID_UNIFORM") = static_cast<int>(IGF_UNIFORM);
  module.attr("GRID_DYADIC") = static_cast<int>(IGF_DYADIC);
  module.attr("GRID_LOG") = static_cast<int>(IGF_LOG);

  using py::arg;
  module.def("histogram", &histogram, arg("tensors"), arg("grid"), arg("bins"), arg("splits"),
             arg("edges"), arg("exponents"), arg("origins"), arg("log"), arg("split_counts"),
             arg("split_outside"), arg("nan"), arg("offsets"), arg("moments"), arg("threads"),
             arg("extents") = py::none());
  module.def("moments", &moments, arg("tensors"), arg("integers"), arg("floats"), arg("threads"));
  module.def("set_isa", &igfast::set_isa, arg("name"));
  module.def("isa", [] {
    const std::string backend = igfast::operations().name;
    return backend == "cpu" ? igfast::isa_name(igfast::current_isa()) : backend;
  });
  module.def("available_isas", &available_isas);
  module.def("build_info", &build_info);
  igfast::bind_devices(module);
  igfast::bind_layouts(module);
  igfast::bind_measures(module);
  igfast::bind_records(module);
  igfast::bind_numbers(module);
  igfast::bind_rows(module);
}
