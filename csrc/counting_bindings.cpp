// The Python side of counting the same layers record after record: memory, kernel and the next bins
// in one call, for a training's cold caches make every line of Python cost microseconds.
#include "counting_bindings.h"

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <cstdint>
#include <memory>
#include <utility>

#include "array_shapes.h"
#include "backend.h"
#include "counted_block.h"
#include "device_bindings.h"
#include "kernel_arguments.h"
#include "record/automatic.h"
#include "record/blocks.h"
#include "record/numbers.h"

namespace py = pybind11;

namespace igfast {
namespace {

// Counts (L, G, B), outside (L, G, 2), nan (L,), offsets (L, G, B) or None, and sums of moments,
// (L, 4) and (L, 8), in the block's memory.
py::tuple arrays(const py::object& self) {
  const auto& block = py::cast<const Block&>(self);
  const record::Places& of = block.places();
  const Shape shape{of.layers, of.splits, of.bins};
  const auto integers = [&](const Shape& size, std::int64_t word) {
    return Integers(size, block.at(word), self);
  };
  py::object offsets = py::none();
  if (of.with_offsets) {
    offsets = integers(shape, of.offsets());
  }
  return py::make_tuple(integers(shape, 0), integers({of.layers, of.splits, 2}, of.outside()),
                        integers({of.layers}, of.nan()), offsets,
                        integers({of.layers, 4}, of.integers()),
                        Floats(Shape{of.layers, 8}, block.sums().floats, self));
}

// (4, L) integers and (9, L) floats of its moments.
py::tuple moments(const Block& block) {
  const std::int64_t layers = block.places().layers;
  Integers integers(Shape{record::kMomentIntegers, layers});
  Floats floats(Shape{record::kMomentFloats, layers});
  const igf_moments_output sums = block.sums();
  for (std::int64_t i = 0; i < record::kMomentIntegers * layers; ++i) {
    integers.mutable_data()[i % record::kMomentIntegers * layers + i / record::kMomentIntegers] =
        sums.integers[i];
  }
  record::take_moments(layers, sums.integers, sums.floats, floats.mutable_data());
  return py::make_tuple(integers, floats);
}

// Takes histograms with moments of L layers, each time into memory of its own.
class HostCounter {
 public:
  HostCounter(std::int64_t layers, std::int64_t kind, std::int64_t bins, std::int64_t splits,
              bool offsets, const py::object& edges, const py::object& log)
      : edges_(edges), places_{layers, splits, bins, offsets} {
    require_range("layers", layers, 0, std::int64_t{1} << 40);
    require_grid(grid_, kind, bins, edges, log, layers);
    require_splits(splits);
    if (offsets && grid_.kind == IGF_UNIFORM) {
      throw py::value_error("offsets must be False on a uniform grid; use a dyadic or log grid");
    }
    blocks_ = std::make_shared<record::Blocks>(places_.size());
  }

  // The block, and with `precision` (L,) the bins for the next one, (2, L), or None where they
  // stay.
  py::tuple count(const py::object& tensors, const py::object& exponents, const py::object& origins,
                  const py::object& precision, std::int64_t threads) const {
    igf_histogram_args args{};
    require_range("threads", threads, 0, IGF_MAX_THREADS);
    const Tensors list = require_tensors("histogram", tensors, places_.layers);
    args.grid = grid_;
    if (grid_.kind == IGF_DYADIC) {
      require_dyadic(args.grid, exponents, origins, places_.layers);
    }
    const std::int64_t* bits = nullptr;
    Integers next;
    if (!precision.is_none()) {
      if (grid_.kind != IGF_DYADIC) {
        throw py::value_error("precision must be None unless the grid is dyadic");
      }
      bits = require<std::int64_t>("precision", precision, {places_.layers}).data();
      next = Integers(Shape{2, places_.layers});
    }
    auto block = std::make_unique<Block>(places_, blocks_);
    args.tensors = list.data;
    args.tensor_count = list.count;
    args.rows = places_.layers;
    args.splits = places_.splits;
    args.split_counts = block->at(0);
    args.split_outside = block->at(places_.outside());
    args.nan = block->at(places_.nan());
    args.offsets = places_.with_offsets ? block->at(places_.offsets()) : nullptr;
    args.moments = block->sums();
    args.threads = threads;
    run(operations().histogram, args);
    bool moved = false;
    if (bits != nullptr) {
      moved = record::follow_layers(args.grid.exponents, args.grid.origins, observed(args, bits),
                                    false, next.mutable_data());
    }
    return py::make_tuple(std::move(block), moved ? py::object(next) : py::object(py::none()));
  }

 private:
  static record::ObservedLayers observed(const igf_histogram_args& args, const std::int64_t* bits) {
    constexpr std::int64_t kZeros = 3;  // of four integers
    const igf_moments_output& sums = args.moments;
    return {args.rows,
            args.splits,
            args.grid.bins,
            args.split_counts,
            args.split_outside,
            sums.integers + kZeros,
            sums.floats,
            sums.floats + 1,
            4,
            8,
            8,
            bits};
  }

  py::object edges_;  // kept, for the grid points to them
  record::Places places_;
  igf_grid grid_{};
  std::shared_ptr<record::Blocks> blocks_;
};

}  // namespace

void bind_counting(py::module_& module) {
  using py::arg;
  py::class_<Block>(module, "Block").def("arrays", &arrays).def("moments", &moments);
  py::class_<HostCounter>(module, "HostCounter")
      .def(py::init<std::int64_t, std::int64_t, std::int64_t, std::int64_t, bool, const py::object&,
                    const py::object&>(),
           arg("layers"), arg("grid"), arg("bins"), arg("splits"), arg("offsets"), arg("edges"),
           arg("log"))
      .def("count", &HostCounter::count, arg("tensors"), arg("exponents"), arg("origins"),
           arg("precision"), arg("threads"));
}

}  // namespace igfast
