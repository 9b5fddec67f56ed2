#include "record/rows.h"

#include <cstddef>
#include <limits>

#include "record/checksum.h"
#include "record/deflate.h"
#include "record/numbers.h"

namespace igfast::record {
namespace {

constexpr std::size_t kEntry = 40;  // bytes of a layer in the directory
constexpr std::int64_t kNoExponent = std::numeric_limits<std::int32_t>::min();
enum Flag : std::int64_t { kDifferenced = 1, kWithOffsets = 2 };  // of a layer's segment
enum Part : std::uint8_t { kMoments = 1, kBins = 2 };             // of the numbers

void put(std::uint64_t value, int width, Bytes* to) {
  for (int byte = 0; byte < width; ++byte) {
    to->push_back(static_cast<std::uint8_t>(value >> (8 * byte)));
  }
}

void seal(std::uint32_t start, Bytes* bytes) {
  put(crc32(bytes->data(), bytes->size(), start), 4, bytes);
}

}  // namespace

Found pack_histograms(const Cells& cells, const Bins& bins, std::int64_t difference_from,
                      std::uint32_t start, Bytes* directory, Bytes* segments) {
  const auto layers = static_cast<std::size_t>(cells.layers);
  std::vector<std::int64_t> sizes(layers);
  std::vector<std::int64_t> differenced(layers);
  const Found found = pack(cells, difference_from, sizes.data(), differenced.data(), segments);
  if (found != Found::kSound) {
    return found;
  }
  // one row of bytes for each byte of an entry: equal layers take no room
  Bytes planes(kEntry * layers);
  const std::uint8_t* segment = segments->data();
  for (std::size_t layer = 0; layer < layers; ++layer) {
    const auto size = static_cast<std::size_t>(sizes[layer]);
    std::uint8_t* to = planes.data() + layer;
    const auto entry = [&](std::int64_t value, int width) {
      for (int byte = 0; byte < width; ++byte, to += layers) {
        *to = static_cast<std::uint8_t>(static_cast<std::uint64_t>(value) >> (8 * byte));
      }
    };
    entry(sizes[layer], 4);
    entry(crc32(segment, size, start), 4);
    entry((differenced[layer] != 0 ? kDifferenced : 0) |
              (cells.offsets != nullptr ? kWithOffsets : 0),
          4);
    entry(bins.exponents == nullptr ? kNoExponent : bins.exponents[layer], 4);
    entry(bins.origins == nullptr ? 0 : bins.origins[layer], 8);
    entry(cells.nan[layer], 8);
    entry(cells.numel[layer], 8);
    segment += size;
  }
  put(layers, 4, directory);
  deflate(planes.data(), planes.size(), directory);
  seal(start, directory);
  return found;
}

void pack_numbers(const Numbers& numbers, std::uint32_t start, Bytes* running, Bytes* data) {
  const auto* floats = reinterpret_cast<const std::uint8_t*>(numbers.running);
  running->assign(floats, floats + 4 * numbers.measures * numbers.layers);
  seal(start, running);
  const bool moments = numbers.integers != nullptr;
  const bool bins = numbers.bins != nullptr;
  const std::int64_t fields =
      (moments ? kMomentIntegers + kMomentFloats : 0) + (bins ? std::int64_t{2} : 0);
  Bytes planes(static_cast<std::size_t>(8 * fields * numbers.layers));
  to_planes(numbers.layers, numbers.integers, numbers.floats, numbers.bins, planes.data());
  put(static_cast<std::uint64_t>(numbers.layers), 4, data);
  put(static_cast<std::uint64_t>((moments ? kMoments : 0) | (bins ? kBins : 0)), 1, data);
  deflate(planes.data(), planes.size(), data);
  seal(start, data);
}

}  // namespace igfast::record
