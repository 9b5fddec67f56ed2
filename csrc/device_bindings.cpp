// The Python side of device libraries: opening one, and plans on it. Arrays are pointers here: they
// live in the device's memory, where the frameworks that own them put them.
#include "device_bindings.h"

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "cuda/device_backend.h"
#include "device_library.h"

namespace py = pybind11;

namespace igfast {
namespace {

using Table = py::array_t<std::int64_t, py::array::c_style>;

std::vector<igf_tensor> rows_of(const Table& table) {
  if (table.ndim() != 2 || table.shape(1) != 5) {
    throw py::value_error("tensors must be an (N, 5) int64 array");
  }
  const auto* first = reinterpret_cast<const igf_tensor*>(table.data());
  return {first, first + table.shape(0)};
}

template <class T>
T* pointer(std::uintptr_t address) {
  return reinterpret_cast<T*>(address);
}

std::vector<std::int64_t> values(const std::optional<Table>& array) {
  return array ? std::vector<std::int64_t>(array->data(), array->data() + array->size())
               : std::vector<std::int64_t>();
}

void check_bins(const std::vector<std::int64_t>& exponents,
                const std::vector<std::int64_t>& origins, std::int64_t rows, std::int64_t bins) {
  constexpr std::int64_t kFarthest = std::int64_t{1} << 44;
  const auto wanted = static_cast<std::size_t>(rows);
  if (exponents.size() != wanted || origins.size() != wanted) {
    throw py::value_error("exponents and origins must have " + std::to_string(rows) + " entries");
  }
  for (std::size_t row = 0; row < wanted; ++row) {
    const bool good = exponents[row] >= -1100 && exponents[row] <= 1023 &&
                      origins[row] >= bins - kFarthest && origins[row] <= kFarthest - bins;
    if (!good) {
      throw py::value_error("exponents must be in [-1100, 1023] and |origins| at most 2**44; row " +
                            std::to_string(row) + " has " + std::to_string(exponents[row]) +
                            " and " + std::to_string(origins[row]));
    }
  }
}

class DevicePlan {
 public:
  DevicePlan(const igf_device_backend& backend, const igf_plan_args& given) : backend_(backend) {
    igf_plan_args args = given;
    int status;
    {
      const py::gil_scoped_release release;
      status = backend.plan_create(&args, &plan_);
    }
    if (status != 0) {
      throw std::runtime_error(args.error);
    }
    rows_ = args.rows;
    bins_ = args.grid.bins;
  }
  ~DevicePlan() { backend_.plan_destroy(plan_); }
  DevicePlan(const DevicePlan&) = delete;
  DevicePlan& operator=(const DevicePlan&) = delete;

  igf_plan_info info() const {
    igf_plan_info found{};
    backend_.plan_info(plan_, &found);
    return found;
  }

  void run(std::uint64_t tensors_hash, std::uintptr_t stream, const std::optional<Table>& exponents,
           const std::optional<Table>& origins, std::uintptr_t split_counts,
           std::uintptr_t split_outside, std::uintptr_t nan, std::uintptr_t offsets,
           std::uintptr_t moment_integers, std::uintptr_t moment_floats, std::uintptr_t zeros,
           std::uintptr_t extremes, std::uintptr_t previous_counts, std::uintptr_t previous_outside,
           std::uintptr_t measures) {
    const std::vector<std::int64_t> k = values(exponents);
    const std::vector<std::int64_t> o = values(origins);
    igf_run_args args{};
    args.tensors_hash = tensors_hash;
    if (exponents || origins) {
      check_bins(k, o, rows_, bins_);
      args.exponents = k.data();
      args.origins = o.data();
    }
    args.split_counts = pointer<std::int64_t>(split_counts);
    args.split_outside = pointer<std::int64_t>(split_outside);
    args.nan = pointer<std::int64_t>(nan);
    args.offsets = pointer<std::int64_t>(offsets);
    args.moments = {pointer<std::int64_t>(moment_integers), pointer<double>(moment_floats)};
    args.extents = {pointer<std::int64_t>(zeros), pointer<double>(extremes)};
    args.previous_counts = pointer<const std::int64_t>(previous_counts);
    args.previous_outside = pointer<const std::int64_t>(previous_outside);
    args.measures = pointer<double>(measures);
    args.stream = pointer<void>(stream);
    int status;
    {
      const py::gil_scoped_release release;
      status = backend_.plan_run(plan_, &args);
    }
    if (status != 0) {
      throw std::runtime_error(args.error);
    }
  }

 private:
  const igf_device_backend& backend_;
  igf_plan* plan_ = nullptr;
  std::int64_t rows_ = 0;
  std::int64_t bins_ = 0;
};

class DeviceLibrary {
 public:
  explicit DeviceLibrary(const std::string& path) : backend_(open_device_library(path)) {}

  // Whether there is a device, and which, or why not.
  std::pair<bool, std::string> describe() const {
    char text[512] = "";
    const int status = backend_.describe(text, sizeof text);
    return {status == 0, text};
  }

  // What it was compiled for, such as "750,900".
  std::string architectures() const { return backend_.architectures; }

  bool capturing(int device, std::uintptr_t stream) const {
    char error[IGF_ERROR_SIZE] = "";
    std::int32_t found = 0;
    if (backend_.capturing(device, pointer<void>(stream), &found, error) != 0) {
      throw std::runtime_error(error);
    }
    return found != 0;
  }

  std::uint64_t hash(const Table& tensors) const {
    const std::vector<igf_tensor> list = rows_of(tensors);
    return backend_.hash(list.data(), static_cast<std::int64_t>(list.size()));
  }

  std::unique_ptr<DevicePlan> plan(
      const Table& tensors, std::int64_t rows, int grid, std::int64_t bins, std::int64_t splits,
      const std::optional<py::array_t<double, py::array::c_style>>& edges,
      const std::optional<std::tuple<std::int64_t, std::int64_t, std::int64_t>>& log,
      const std::optional<Table>& exponents, const std::optional<Table>& origins, bool offsets,
      bool moments, int counters, int device, std::uintptr_t stream) const {
    const std::vector<igf_tensor> list = rows_of(tensors);
    for (const igf_tensor& tensor : list) {
      if (tensor.row < 0 || tensor.row >= rows || tensor.numel < 0 || tensor.start < 0 ||
          tensor.dtype < 0 || tensor.dtype > 5) {
        throw py::value_error("tensors has a row with a bad size, start, dtype or row");
      }
    }
    igf_plan_args args{};
    args.tensors = list.data();
    args.tensor_count = static_cast<std::int64_t>(list.size());
    args.rows = rows;
    args.grid.kind = static_cast<igf_grid_kind>(grid);
    args.grid.bins = bins;
    args.splits = splits;
    args.offsets = offsets ? 1 : 0;
    args.moments = moments ? 1 : 0;
    args.counters = counters;
    args.device = device;
    args.stream = pointer<void>(stream);
    if (edges) {
      if (edges->ndim() != 2 || edges->shape(1) != bins + 1) {
        throw py::value_error("edges must be a (rows, bins + 1) float64 array");
      }
      args.grid.edges = edges->data();
      args.grid.edge_rows = edges->shape(0);
    }
    const std::vector<std::int64_t> k = values(exponents);
    const std::vector<std::int64_t> o = values(origins);
    if (exponents || origins) {
      check_bins(k, o, rows, bins);
      args.grid.exponents = k.data();
      args.grid.origins = o.data();
    }
    if (log) {
      std::tie(args.grid.mantissa_bits, args.grid.min_exponent, args.grid.max_exponent) = *log;
    }
    return std::make_unique<DevicePlan>(backend_, args);
  }

  // (rows, bins) counts, (rows, 2) outside and (rows,) results in device memory; enqueued.
  void divergence(int kind, double parameter, std::uintptr_t p, std::uintptr_t p_outside,
                  std::uintptr_t q, std::uintptr_t q_outside, std::int64_t rows, std::int64_t bins,
                  std::uintptr_t out, int device, std::uintptr_t stream) const {
    igf_divergence_args args{};
    args.kind = static_cast<igf_divergence_kind>(kind);
    args.parameter = parameter;
    args.p = pointer<const std::int64_t>(p);
    args.p_outside = pointer<const std::int64_t>(p_outside);
    args.q = pointer<const std::int64_t>(q);
    args.q_outside = pointer<const std::int64_t>(q_outside);
    args.rows = rows;
    args.bins = bins;
    args.out = pointer<double>(out);
    args.stream = pointer<void>(stream);
    check(backend_.divergence(&args, device), "a divergence");
  }

  void entropy(int kind, std::uintptr_t counts, std::int64_t rows, std::int64_t bins,
               std::uintptr_t out, int device, std::uintptr_t stream) const {
    igf_entropy_args args{};
    args.kind = static_cast<igf_entropy_kind>(kind);
    args.counts = pointer<const std::int64_t>(counts);
    args.rows = rows;
    args.bins = bins;
    args.out = pointer<double>(out);
    args.stream = pointer<void>(stream);
    check(backend_.entropy(&args, device), "an entropy");
  }

  const igf_backend& operations() const { return backend_.operations; }

 private:
  static void check(int status, const char* what) {
    if (status != 0) {
      throw std::runtime_error(std::string("the device refused to compute ") + what);
    }
  }

  const igf_device_backend& backend_;
};

const igf_backend* chosen_operations = nullptr;

}  // namespace

const igf_backend& operations() {
  return chosen_operations != nullptr ? *chosen_operations : *igf_cpu_backend();
}

void bind_devices(py::module_& module) {
  using py::arg;
  py::class_<DevicePlan>(module, "DevicePlan")
      .def("run", &DevicePlan::run, arg("tensors_hash"), arg("stream") = 0,
           arg("exponents") = py::none(), arg("origins") = py::none(), arg("split_counts") = 0,
           arg("split_outside") = 0, arg("nan") = 0, arg("offsets") = 0, arg("moment_integers") = 0,
           arg("moment_floats") = 0, arg("zeros") = 0, arg("extremes") = 0,
           arg("previous_counts") = 0, arg("previous_outside") = 0, arg("measures") = 0)
      .def("info", [](const DevicePlan& plan) {
        const igf_plan_info info = plan.info();
        py::dict found;
        found["kernel"] = info.kernel;
        found["blocks"] = info.blocks;
        found["segments"] = info.segments;
        found["shared_bytes"] = info.shared_bytes;
        found["tensors_hash"] = info.tensors_hash;
        return found;
      });
  py::class_<DeviceLibrary>(module, "DeviceLibrary")
      .def(py::init<const std::string&>(), arg("path"))
      .def("describe", &DeviceLibrary::describe)
      .def("capturing", &DeviceLibrary::capturing, arg("device"), arg("stream"))
      .def("architectures", &DeviceLibrary::architectures)
      .def("hash", &DeviceLibrary::hash, arg("tensors"))
      .def("divergence", &DeviceLibrary::divergence, py::kw_only(), arg("kind"), arg("parameter"),
           arg("p"), arg("p_outside"), arg("q"), arg("q_outside"), arg("rows"), arg("bins"),
           arg("out"), arg("device"), arg("stream"))
      .def("entropy", &DeviceLibrary::entropy, py::kw_only(), arg("kind"), arg("counts"),
           arg("rows"), arg("bins"), arg("out"), arg("device"), arg("stream"))
      .def("plan", &DeviceLibrary::plan, py::kw_only(), arg("tensors"), arg("rows"),
           arg("grid") = 0, arg("bins") = 0, arg("splits") = 1, arg("edges") = py::none(),
           arg("log") = py::none(), arg("exponents") = py::none(), arg("origins") = py::none(),
           arg("offsets") = false, arg("moments") = false, arg("counters") = 0, arg("device") = 0,
           arg("stream") = 0);
  // Routes histogram, moments, divergence and entropy to a library whose memory is the host's: the
  // block simulator of the tests. None goes back to the CPU.
  module.def(
      "use_host_library",
      [](const DeviceLibrary* library) {
        chosen_operations = library != nullptr ? &library->operations() : nullptr;
      },
      arg("library").none(true));
  module.def("backend", [] { return std::string(operations().name); });
}

}  // namespace igfast
