// The counting half of a vector kernel: increments the words whose indices the placing half wrote.
// Included by the ISA files only, within which it must stay: everything here is in an unnamed
// namespace.
#ifndef IGFAST_CPU_WORD_GROUPS_H
#define IGFAST_CPU_WORD_GROUPS_H

#include <cstddef>
#include <cstdint>

#include "cpu/word_memory.h"
#include "grid.h"

namespace igfast {
namespace {

constexpr std::int32_t kWordGroup = 32;  // Block::kGroup

// Whether group `first` of a run is the first of a block; and the rotation of that block.
inline bool starts_block(std::int32_t first) { return (first & 255) == 0; }

inline std::uint32_t rotation(std::uint32_t run_block, std::int32_t first) {
  return ((run_block + (static_cast<std::uint32_t>(first) >> 8)) * kRotationFactor) >> 29;
}

template <class Word>
struct WordGroup {
  alignas(64) std::uint32_t indices[kWordGroup];
  alignas(64) std::uint32_t increments[sizeof(Word) == 8 ? kWordGroup : 1];

  // Two indices to a load: these loads read from the store buffer, where each costs dearly.
  void count(Word* words, std::int32_t from = 0, std::int32_t to = kWordGroup) const {
    for (std::int32_t j = from; j < to; j += 2) {
      std::uint64_t pair;
      __builtin_memcpy(&pair, indices + j, sizeof pair);
      if constexpr (sizeof(Word) == 8) {
        words[static_cast<std::uint32_t>(pair)] += increments[j];
        words[pair >> 32] += increments[j + 1];
      } else {
        ++words[static_cast<std::uint32_t>(pair)];
        ++words[pair >> 32];
      }
    }
  }
};

// Before the words (WordMemory): a kernel's stack may lie on a page that looks like theirs.
template <class Word>
WordGroup<Word>* groups_before(Word* words) {
  constexpr std::size_t kBytes = WordMemory::kGroupBytes;
  static_assert(4 * sizeof(WordGroup<Word>) <= kBytes);
  return reinterpret_cast<WordGroup<Word>*>(reinterpret_cast<unsigned char*>(words) - kBytes);
}

// Nothing to do between the parts of a group.
struct Nothing {
  void operator()(std::int32_t, std::int32_t) const {}
};

// place(first, group, between) places the values first .. first + 31 of a run of `size`, a multiple
// of 32, and calls between(from, to) when some more of them are placed.
// A group is placed while the one before is counted: neither half fills the processor.
template <class Word, class Place>
inline void count_groups(std::int32_t size, Word* words, const Place& place) {
  WordGroup<Word>* const groups = groups_before(words);
  place(0, groups[0], Nothing{});
  for (std::int32_t first = 0; first < size; first += kWordGroup) {
    const std::int32_t next = first + kWordGroup;
    if (next < size) {
      place(next, groups[next / kWordGroup & 1], Nothing{});
    }
    groups[first / kWordGroup & 1].count(words);
  }
}

// The same where placing takes as long as counting, as moments make it: a few values of each in
// turn, and the group that was placed last but one, lest it waits for the last.
template <class Word, class Place>
inline void count_groups_in_turn(std::int32_t size, Word* words, const Place& place) {
  constexpr std::int32_t kLead = 2 * kWordGroup;
  WordGroup<Word>* const groups = groups_before(words);
  const auto group = [&](std::int32_t first) -> WordGroup<Word>& {
    return groups[first / kWordGroup & 3];
  };
  for (std::int32_t first = 0; first < size && first < kLead; first += kWordGroup) {
    place(first, group(first), Nothing{});
  }
  std::int32_t first = 0;
  for (; first + kLead < size; first += kWordGroup) {
    const WordGroup<Word>& counted = group(first);
    place(first + kLead, group(first + kLead),
          [&](std::int32_t from, std::int32_t to) { counted.count(words, from, to); });
  }
  for (; first < size; first += kWordGroup) {
    group(first).count(words);
  }
}

}  // namespace
}  // namespace igfast

#endif
