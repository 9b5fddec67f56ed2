// Integers of one record's histograms in few bits, the form in which a run store keeps them, and
// back. `docs/store.md` describes the code.
#ifndef IGFAST_RECORD_CODING_H
#define IGFAST_RECORD_CODING_H

#include <cstdint>
#include <vector>

namespace igfast::record {

struct Cells {
  std::int64_t layers, splits, bins;
  const std::int64_t* counts;   // (L, G, B)
  const std::int64_t* outside;  // (L, G, 2)
  const std::int64_t* nan;      // (L,)
  const std::int64_t* numel;    // (L,)
  const std::int64_t* offsets;  // (L, G, B) or null
};

enum class Found { kSound, kCountsDoNotAddUp, kImpossibleOffset };

// Appends all layers to `bytes`, one behind the other: `sizes` (L) of them, and in `differenced`
// (L) whether counts are coded as differences, from a mean count of `difference_from` on.
Found pack(const Cells& cells, std::int64_t difference_from, std::int64_t* sizes,
           std::int64_t* differenced, std::vector<std::uint8_t>* bytes);

// One layer's counts (G, B), outside (G, 2) and, unless null, offsets (G, B); false where the bytes
// are not what pack wrote.
bool unpack(const std::uint8_t* bytes, std::int64_t size, bool differenced, std::int64_t splits,
            std::int64_t bins, std::int64_t* counts, std::int64_t* outside, std::int64_t* offsets);

}  // namespace igfast::record

#endif
