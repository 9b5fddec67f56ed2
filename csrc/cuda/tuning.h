// Every tuning number of the CUDA kernels. None has been measured on a GPU yet: they follow from
// counting instructions and bytes, and from published measurements.
#ifndef IGFAST_CUDA_TUNING_H
#define IGFAST_CUDA_TUNING_H

#include <cstdint>

namespace igfast {

// Where a block keeps its counters.
enum class CounterKind : int {
  kAutomatic = 0,
  kInterleaved = 1,  // 32 copies in shared memory, one per bank: no conflict whatever the data
  kSingle = 2,       // one copy in shared memory: equal bins of a warp merge in hardware
  kDirect = 3,       // 64-bit atomics on the output
};

struct CudaTuning {
#ifdef IGFAST_SIMULATOR
  static constexpr int kThreads = 64;  // a fiber each: fewer are as good a test
#else
  static constexpr int kThreads = 256;
#endif
  static constexpr int kWarps = kThreads / 32;
  // 16-byte loads in flight per thread: with three blocks, 24 KB per multiprocessor. Code size, and
  // with it compile time, grows in proportion.
  static constexpr int kLoads = 2;
  // Blocks per multiprocessor that the register allocation leaves room for: 80 registers a thread
  // without moments, 128 with. On sm_120, whose compiler would spill at 80, two have as many bytes
  // on their way as its memory asks for.
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 1200
  static constexpr int kMinBlocks = 2;
#else
  static constexpr int kMinBlocks = 3;
#endif
  static constexpr int kMinBlocksWithMoments = 2;
  // Elements per chunk, the unit that blocks share and that moments are summed in. Doubled until
  // a plan has at most kMostChunks, so that moments depend on the tensors and not on the device.
  static constexpr std::int64_t kChunk = std::int64_t{1} << 14;
  static constexpr std::int64_t kMostChunks = std::int64_t{1} << 16;
  // A block starts on a tensor at a cost of about this many bytes: clearing, flushing, one fence.
  static constexpr std::int64_t kTensorCost = std::int64_t{1} << 15;
  // Up to this many elements of a row in a block, clearing and flushing cost more than they save.
  static constexpr std::int64_t kDirectElements = 1024;
  // Interleaved copies while at least this many blocks fit a multiprocessor.
  static constexpr int kInterleavedBlocks = 3;
};

}  // namespace igfast

#endif
