#include "record/planes.h"

#include <algorithm>
#include <array>
#include <vector>

namespace igfast::record {
namespace {

// Arithmetic modulo 2^64: no count or offset, however wrong, is undefined behavior.
using Word = std::uint64_t;

constexpr std::int64_t kFewest = 128;  // shorter planes are always deflated
constexpr double kEvenPairs = 1.3;     // times the equal pairs of even noise

Word zigzag(Word value) { return (value << 1) ^ (Word{0} - (value >> 63)); }

std::int64_t width_of(Word largest) {
  std::int64_t width = 1;
  while (width < 8 && (largest >> (8 * width)) != 0) {
    ++width;
  }
  return width;
}

std::uint8_t* put_planes(const std::vector<Word>& words, std::int64_t width, std::uint8_t* out) {
  for (std::int64_t byte = 0; byte < width; ++byte) {
    const std::int64_t shift = 8 * byte;
    for (const Word word : words) {
      *out++ = static_cast<std::uint8_t>(word >> shift);
    }
  }
  return out;
}

// Whether a deflate stream could save less than some 5 % of these bytes.
bool is_even(const std::uint8_t* plane, std::int64_t size) {
  if (size <= kFewest) {
    return false;
  }
  std::array<std::int64_t, 256> tally{};
  for (std::int64_t i = 0; i < size; ++i) {
    ++tally[plane[i]];
  }
  std::int64_t pairs = -size;
  for (const std::int64_t count : tally) {
    pairs += count * count;
  }
  // n(n-1)/256 pairs of equal bytes are expected if all 256 values are as likely
  const auto n = static_cast<double>(size);
  return 256.0 * static_cast<double>(pairs) < kEvenPairs * n * n;
}

class Packer {
 public:
  Packer(const Cells& cells, std::int64_t difference_from)
      : cells_(cells),
        width_(cells.bins + 2),
        full_(static_cast<std::size_t>(cells.splits * width_)),
        before_(static_cast<std::size_t>(width_)),
        least_difference_(difference_from * cells.splits * cells.bins) {}

  Found pack(std::int64_t layer, Layout* layout, std::uint8_t** out) {
    const std::int64_t* counts = cells_.counts + layer * cells_.splits * cells_.bins;
    Word inside = 0;
    if (!join(layer, counts, &inside)) {
      return Found::kCountsDoNotAddUp;
    }
    *layout = {static_cast<std::int64_t>(inside) > least_difference_, 1, 0, 0, 0};
    if (layout->differenced != 0) {
      difference();
    }
    Word bits = 0;
    for (const Word word : full_) {
      bits |= word;
    }
    layout->count_width = width_of(bits);
    *out = put_planes(full_, layout->count_width, *out);
    if (cells_.offsets == nullptr) {
      return Found::kSound;
    }
    if (!take_residuals(counts, cells_.offsets + layer * cells_.splits * cells_.bins, &bits)) {
      return Found::kImpossibleOffset;
    }
    layout->offset_width = width_of(bits);
    layout->occupied = static_cast<std::int64_t>(residuals_.size());
    const std::uint8_t* lowest = *out;
    *out = put_planes(residuals_, layout->offset_width, *out);
    layout->plain = is_even(lowest, layout->occupied);
    return Found::kSound;
  }

 private:
  // Underflow, bins and overflow of every split, one behind the other; false where they are not
  // what was counted.
  bool join(std::int64_t layer, const std::int64_t* counts, Word* inside) {
    const std::int64_t* outside = cells_.outside + layer * cells_.splits * 2;
    std::int64_t signs = cells_.nan[layer];
    Word around = static_cast<Word>(cells_.nan[layer]);
    Word* to = full_.data();
    for (std::int64_t split = 0; split < cells_.splits; ++split) {
      const std::int64_t* row = counts + split * cells_.bins;
      for (std::int64_t bin = 0; bin < cells_.bins; ++bin) {
        signs |= row[bin];
        *inside += static_cast<Word>(row[bin]);
        to[bin + 1] = static_cast<Word>(row[bin]);
      }
      for (const std::int64_t side : {0, 1}) {
        const std::int64_t beyond = outside[2 * split + side];
        signs |= beyond;
        around += static_cast<Word>(beyond);
        to[side * (width_ - 1)] = static_cast<Word>(beyond);
      }
      to += width_;
    }
    return signs >= 0 && *inside + around == static_cast<Word>(cells_.numel[layer]);
  }

  // The first split against its left neighbor, the others against the mean of those before.
  void difference() {
    std::copy_n(full_.begin(), width_, before_.begin());
    for (std::int64_t i = width_ - 1; i >= 0; --i) {
      const auto at = static_cast<std::size_t>(i);
      full_[at] = zigzag(full_[at] - (i == 0 ? 0 : full_[at - 1]));
    }
    for (std::int64_t split = 1; split < cells_.splits; ++split) {
      Word* row = full_.data() + split * width_;
      for (std::int64_t i = 0; i < width_; ++i) {
        const Word own = row[i];
        Word& sum = before_[static_cast<std::size_t>(i)];
        row[i] = zigzag(own - sum / static_cast<Word>(split));
        sum += own;
      }
    }
  }

  // Offsets of the occupied bins less 255/2 of their counts, rounded down.
  bool take_residuals(const std::int64_t* counts, const std::int64_t* offsets, Word* bits) {
    residuals_.clear();
    *bits = 0;
    for (std::int64_t i = 0; i < cells_.splits * cells_.bins; ++i) {
      const auto count = static_cast<Word>(counts[i]);
      const auto offset = static_cast<Word>(offsets[i]);
      if (offset > 255 * count) {  // negative ones are above all
        return false;
      }
      if (count != 0) {
        residuals_.push_back(zigzag(offset - 127 * count - (count >> 1)));
        *bits |= residuals_.back();
      }
    }
    return true;
  }

  const Cells& cells_;
  std::int64_t width_;
  std::vector<Word> full_, before_, residuals_;
  std::int64_t least_difference_;
};

}  // namespace

bool to_units(std::int64_t size, const double* offsets, std::int64_t* units) {
  constexpr double kLargest = 9007199254740992.0;  // 2^53, from which on doubles are coarser
  bool exact = true;
  for (std::int64_t i = 0; i < size; ++i) {
    const double scaled = offsets[i] * 256.0;
    const bool fits = scaled >= -kLargest && scaled <= kLargest;  // not NaN
    units[i] = fits ? static_cast<std::int64_t>(scaled) : 0;
    exact = exact && fits && static_cast<double>(units[i]) == scaled;
  }
  return exact;
}

std::int64_t most_bytes(const Cells& cells) {
  const std::int64_t offsets = cells.offsets == nullptr ? 0 : cells.bins;
  return 8 * cells.layers * cells.splits * (cells.bins + 2 + offsets);
}

Found lay_out(const Cells& cells, std::int64_t difference_from, Layout* layouts,
              std::uint8_t* bytes, std::int64_t* written) {
  Packer packer(cells, difference_from);
  std::uint8_t* end = bytes;
  for (std::int64_t layer = 0; layer < cells.layers; ++layer) {
    const Found found = packer.pack(layer, layouts + layer, &end);
    if (found != Found::kSound) {
      return found;
    }
  }
  *written = end - bytes;
  return Found::kSound;
}

}  // namespace igfast::record
