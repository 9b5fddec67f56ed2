// Finds slots of cells that tell the ties below their edges from those at or above.
#ifndef IGFAST_TIE_SLOTS_H
#define IGFAST_TIE_SLOTS_H

#include <cstdint>
#include <vector>

#include "grid.h"

namespace igfast {

// Cells with values near their lower edge, below it and not.
struct TiedCells {
  std::vector<std::uint32_t> below;
  std::vector<std::uint32_t> reached;
};

// The slots by one factor; factor 0 where they do not tell.
inline TieSlots slots_by(std::uint16_t factor, const TiedCells& cells) {
  TieSlots slots{factor, 0, -1};
  for (const std::uint32_t cell : cells.below) {
    slots.below = static_cast<std::uint16_t>(slots.below | 1 << tie_slot(cell, factor));
  }
  int exceptions = 0;
  for (const std::uint32_t cell : cells.reached) {
    if ((slots.below >> tie_slot(cell, factor) & 1) != 0) {
      slots.exception = static_cast<std::int16_t>(cell);
      ++exceptions;
    }
  }
  const bool tells = (slots.below & 1) == 0 && exceptions <= 1;
  return tells ? slots : TieSlots{};
}

// Ties come in runs of the one kind or the other, as edges were rounded: slots of 8 to 20 neighbors
// are tried first, then scattered ones. Of decimal ranges that have ties below, one in sixty has no
// such slots.
inline TieSlots find_tie_slots(const TiedCells& cells) {
  constexpr std::uint16_t kWidest = 200;
  constexpr std::uint16_t kNarrowest = 520;
  constexpr std::uint32_t kScattered = 128;
  for (std::uint16_t factor = kWidest; factor <= kNarrowest; ++factor) {
    const TieSlots slots = slots_by(factor, cells);
    if (slots.factor != 0) {
      return slots;
    }
  }
  for (std::uint32_t i = 1; i <= kScattered; ++i) {
    const TieSlots slots = slots_by(static_cast<std::uint16_t>(kRotationFactor * i >> 5), cells);
    if (slots.factor != 0) {
      return slots;
    }
  }
  return {};
}

}  // namespace igfast

#endif
