// Integers of one record's histograms as byte planes, the form in which a run store deflates them.
#pragma once

#include <cstdint>

namespace igfast::record {

struct Cells {
  std::int64_t layers, splits, bins;
  const std::int64_t* counts;   // (L, G, B)
  const std::int64_t* outside;  // (L, G, 2)
  const std::int64_t* nan;      // (L,)
  const std::int64_t* numel;    // (L,)
  const std::int64_t* offsets;  // (L, G, B) or null
};

// What is known of a layer once its planes are laid out.
struct Layout {
  std::int64_t differenced;   // 1: cells are differences
  std::int64_t count_width;   // planes of cells
  std::int64_t offset_width;  // planes of offsets
  std::int64_t occupied;      // bytes of one plane of offsets
  std::int64_t plain;         // 1: the lowest plane of offsets is noise
};

enum class Found { kSound, kCountsDoNotAddUp, kImpossibleOffset };

// Offsets, counted in 256ths of a bin, as integers; false where one is no multiple of that.
bool to_units(std::int64_t size, const double* offsets, std::int64_t* units);

// Most bytes that the planes of one record take.
std::int64_t most_bytes(const Cells& cells);

// Fills `layouts` (L) and `bytes`: for each layer its planes of cells, then those of offsets.
// `written` becomes the number of bytes.
Found lay_out(const Cells& cells, std::int64_t difference_from, Layout* layouts,
              std::uint8_t* bytes, std::int64_t* written);

}  // namespace igfast::record
