// What a record's rows are made of, as Python hands it over: checked, and kept while it is read.
#ifndef IGFAST_ROW_ARGUMENTS_H
#define IGFAST_ROW_ARGUMENTS_H

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <cstdint>
#include <optional>

#include "array_shapes.h"
#include "counted_block.h"
#include "record/numbers.h"
#include "record/rows.h"

namespace igfast {

template <class Array>
auto* data_of(const std::optional<Array>& array) {
  return array ? array->data() : nullptr;
}

// Counts (L, G, B) and counts outside (L, G, 2) of a record: a block, or a tuple of both. A block
// has nan (L,) and perhaps offsets (L, G, B) as well.
struct CountedRecord {
  pybind11::object kept;
  Shape shape;
  const std::int64_t* counts = nullptr;
  const std::int64_t* outside = nullptr;
  const std::int64_t* nan = nullptr;
  const std::int64_t* offsets = nullptr;

  static CountedRecord of(const pybind11::object& given) {
    if (pybind11::isinstance<Block>(given)) {
      const auto& block = pybind11::cast<const Block&>(given);
      const record::Places& of = block.places();
      return {given,
              {of.layers, of.splits, of.bins},
              block.at(0),
              block.at(of.outside()),
              block.at(of.nan()),
              of.with_offsets ? block.at(of.offsets()) : nullptr};
    }
    const auto pair = pybind11::cast<pybind11::tuple>(given);
    return of_arrays(pybind11::cast<Integers>(pair[0]), pybind11::cast<Integers>(pair[1]));
  }

  static CountedRecord of_arrays(const Integers& counts, const Integers& outside) {
    const Shape shape = shape3("counts", counts);
    require_shape("outside", outside, {shape[0], shape[1], 2});
    return {pybind11::make_tuple(counts, outside), shape, counts.data(), outside.data()};
  }
};

// What else its histograms are kept with, and where their checksums start. Of a block, nan and
// offsets are its own.
struct Histograms {
  CountedRecord counted;
  std::optional<Integers> nan;
  Integers numel;
  std::optional<Integers> offsets, exponents, origins;
  std::int64_t difference_from;
  std::uint32_t start;

  void check() const {
    const Shape rows{counted.shape[0]};
    if (!nan && counted.nan == nullptr) {
      throw pybind11::value_error("nan must be given beside arrays of counts");
    }
    for (const auto& of_layers : {nan, std::optional<Integers>(numel), exponents, origins}) {
      if (of_layers) {
        require_shape("nan, numel, exponents and origins", *of_layers, rows);
      }
    }
    if (offsets) {
      require_shape("offsets", *offsets, counted.shape);
    }
  }

  record::Cells cells() const {
    const Shape& shape = counted.shape;
    return {shape[0],        shape[1],
            shape[2],        counted.counts,
            counted.outside, nan ? nan->data() : counted.nan,
            numel.data(),    offsets ? offsets->data() : counted.offsets};
  }

  record::Bins bins() const { return {data_of(exponents), data_of(origins)}; }
};

// Moments and bins of a record, and where their checksums start.
struct Rest {
  std::optional<Integers> integers;
  std::optional<Floats> floats;
  std::optional<Integers> bins;
  std::uint32_t start;

  void check(pybind11::ssize_t layers) const {
    if (integers.has_value() != floats.has_value()) {
      throw pybind11::value_error("integers and floats of moments must be given together");
    }
    if (integers) {
      require_shape("integers", *integers, {record::kMomentIntegers, layers});
      require_shape("floats", *floats, {record::kMomentFloats, layers});
    }
    if (bins) {
      require_shape("bins", *bins, {2, layers});
    }
  }
};

}  // namespace igfast

#endif
