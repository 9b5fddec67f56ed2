#include "kernel_arguments.h"

#include <cmath>
#include <tuple>

#include "dtype.h"

namespace py = pybind11;

namespace igfast {
namespace {

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

}  // namespace

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
    dispatch_dtype(operation, tensors[t].dtype, [](auto) {});
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

void require_grid(igf_grid& grid, std::int64_t kind, std::int64_t bins, const py::object& edges,
                  const py::object& log, std::int64_t rows) {
  require_range("grid", kind, IGF_UNIFORM, IGF_LOG);
  require_range("bins", bins, 1, IGF_MAX_BINS);
  grid.kind = static_cast<igf_grid_kind>(kind);
  grid.bins = bins;
  if (grid.kind == IGF_UNIFORM) {
    require_uniform(grid, edges, rows);
  } else if (grid.kind == IGF_LOG) {
    require_log(grid, log);
  }
}

void require_splits(std::int64_t splits) {
  if (splits != 1 && splits != 2 && splits != 4 && splits != 8) {
    throw py::value_error("splits must be 1, 2, 4 or 8, not " + std::to_string(splits));
  }
}

}  // namespace igfast
