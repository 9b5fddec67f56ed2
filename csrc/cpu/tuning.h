// Every tuning number of the CPU kernels.
#ifndef IGFAST_CPU_TUNING_H
#define IGFAST_CPU_TUNING_H

#include <cstdint>

namespace igfast {

struct Tuning {
  // Elements per unit of work. Also the unit of the moments' fixed summation order, so a change
  // changes the last bits of moments. 65,536 floats are a quarter of a typical L2 cache. Tensors of
  // a small model are cut more finely, lest one thread waits for the other at the end: twice as
  // many blocks as the moments' loop takes at once.
  static constexpr std::int64_t kChunk = std::int64_t{1} << 16;
  static constexpr std::int64_t kSmallChunk = 112 * 256;
  static constexpr std::int64_t kSmallTensor = std::int64_t{1} << 20;
  // A thread takes the chunks in this many portions, so that a slow core does not hold the rest.
  static constexpr std::int64_t kPortionsPerThread = 8;
  // Below this many elements waking a thread costs more than it saves.
  static constexpr std::int64_t kElementsPerThread = std::int64_t{1} << 15;
  // A lane's word sees at most 1/8 of the elements between drains: 2^26 / 8 * 255 < 2^31.
  static constexpr std::int64_t kDrain = std::int64_t{1} << 26;
  // Words of one thread. Packed words of more cells are filled in several passes over the data.
  static constexpr std::int64_t kWordBytes = std::int64_t{7} << 19;  // 3.5 MiB
  // Counts alone are counted in pairs where the table of all pairs nearly fits the first-level
  // cache, one by one where a counter to a cell does, and in chunks that pay for emptying that. A
  // log grid has bins far from all data: more of them do no harm.
  static constexpr std::int64_t kMostPairedBins = 256;
  static constexpr std::int64_t kMostPairedLogBins = 512;
  // Values between which the table of pairs is emptied: before its bytes wrap around, each time a
  // wrong guess of the processor, where values are spread over the bins.
  static constexpr std::int64_t kPairedValues = std::int64_t{1} << 20;
  static constexpr std::int64_t kMostSingleBins = std::int64_t{1} << 14;
  static constexpr std::int64_t kFewestFast = std::int64_t{1} << 14;
};

// Which line is asked for ahead of the loads: hardware alone stops at every 4 KiB page.
struct Prefetch {
  std::int64_t distance;  // bytes
  bool into_first_level;  // of the cache, or the second
};

// Intel's first level has too few fill buffers to wait for memory in; AMD's processors lose a tenth
// by asking for the second level.
constexpr Prefetch kPrefetchOnIntel{4096, false};
constexpr Prefetch kPrefetchOnAmd{2048, true};
// Where the first level is full of counters.
constexpr Prefetch kPrefetchOfPairs{8192, false};

}  // namespace igfast

#endif
