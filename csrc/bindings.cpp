// The Python side of the kernels: each call runs one entry of the backend table without the GIL.
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "array_checks.h"
#include "backend.h"
#include "counting_bindings.h"
#include "cpu/isa.h"
#include "device_bindings.h"
#include "dtype.h"
#include "kernel_arguments.h"
#include "layout_bindings.h"
#include "measures_bindings.h"
#include "numbers_bindings.h"
#include "record_bindings.h"
#include "rows_bindings.h"

namespace py = pybind11;

namespace igfast {
namespace {

using Used = std::tuple<std::string, std::int64_t>;

Used histogram(const py::object& tensors, std::int64_t grid, std::int64_t bins, std::int64_t splits,
               const py::object& edges, const py::object& exponents, const py::object& origins,
               const py::object& log, const py::object& split_counts,
               const py::object& split_outside, const py::object& nan, const py::object& offsets,
               const py::object& moments, std::int64_t threads, const py::object& extents) {
  const std::int64_t rows = leading_size("nan", nan);
  igf_histogram_args args{};
  require_grid(args.grid, grid, bins, edges, log, rows);
  require_splits(splits);
  require_range("threads", threads, 0, IGF_MAX_THREADS);
  const Tensors list = require_tensors("histogram", tensors, rows);
  args.tensors = list.data;
  args.tensor_count = list.count;
  args.rows = rows;
  args.splits = splits;
  args.threads = threads;
  if (args.grid.kind == IGF_DYADIC) {
    require_dyadic(args.grid, exponents, origins, rows);
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
  run(operations().histogram, args);
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
  run(operations().moments, args);
  return {args.isa_used, args.threads_used};
}

std::vector<std::string> isa_names() {
  std::vector<std::string> names;
  for (const Isa isa : available_isas()) {
    names.emplace_back(isa_name(isa));
  }
  return names;
}

std::map<std::string, std::string> build_info() {
  return {{"compiler", IGFAST_COMPILER}, {"version", IGFAST_VERSION}, {"cuda", IGFAST_CUDA_STATUS}};
}

void fill(py::module_& module) {
  module.doc() = "Compiled kernels of igfast: batched histograms, moments and measures.";
  std::map<std::string, std::int64_t> dtypes;
  for (const DtypeName& dtype : kDtypes) {
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
  module.def("set_isa", &set_isa, arg("name"));
  module.def("isa", [] {
    const std::string backend = operations().name;
    return backend == "cpu" ? isa_name(current_isa()) : backend;
  });
  module.def("available_isas", &isa_names);
  module.def("build_info", &build_info);
  bind_devices(module);
  bind_counting(module);
  bind_layouts(module);
  bind_measures(module);
  bind_records(module);
  bind_numbers(module);
  bind_rows(module);
}

}  // namespace
}  // namespace igfast

PYBIND11_MODULE(_core, module, py::mod_gil_not_used()) { igfast::fill(module); }
