// Cuts a chunk into runs of stored values: in place where whole blocks lie aligned, through a small
// buffer that stays in the first-level cache otherwise.
#ifndef IGFAST_CPU_RUNS_H
#define IGFAST_CPU_RUNS_H

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "backend.h"
#include "cpu/kernels.h"
#include "cpu/tuning.h"
#include "cpu/work.h"
#include "dtype.h"
#include "grid.h"

namespace igfast {

// Blocks of the longest run of counts: all of a chunk. What a kernel does once per call, such as
// placing a block before it counts any, is small beside it.
constexpr std::int64_t kChunkBlocks = Tuning::kChunk / kBlock;
// Of one with moments: a group of their sums.
constexpr std::int64_t kRunBlocks = 56;
// And of one that is passed over twice: the second time it is found in the first-level cache.
constexpr std::int64_t kTwiceRunBlocks = kRunBlocks / 4;

inline const unsigned char* tensor_bytes(const igf_tensor& tensor) {
  return reinterpret_cast<const unsigned char*>(static_cast<std::uintptr_t>(tensor.pointer));
}

// Has the addresses of the chunk's pages translated, all at once. A prefetch waits for the
// translation of its page, and once a page the loop behind it too: a fifth of its time. Walks of
// page tables overlap with one another where nothing stands between them.
template <class T>
void translate_pages(const igf_tensor& tensor, const Chunk& chunk) {
  constexpr std::int64_t kSmallestPage = 4096;
  constexpr auto kSize = static_cast<std::int64_t>(sizeof(T));
  const unsigned char* bytes = tensor_bytes(tensor);
  for (std::int64_t at = chunk.begin * kSize; at < chunk.end * kSize; at += kSmallestPage) {
    __builtin_prefetch(bytes + at);
  }
}

// Calls take(run) for every run of the chunk, in order. Runs end where a multiple of `run_blocks`
// of the chunk's blocks does.
template <class T, class Take>
void for_each_run(const igf_tensor& tensor, const Chunk& chunk, std::int64_t run_blocks,
                  Take&& take) {
  alignas(64) T buffer[kBlock];
  const unsigned char* source = tensor_bytes(tensor);
  const bool aligned = reinterpret_cast<std::uintptr_t>(source) % alignof(T) == 0;
  const std::int64_t first_block = (tensor.start + chunk.begin) / kBlock;
  for (std::int64_t position = chunk.begin; position < chunk.end;) {
    const std::int64_t flat = tensor.start + position;
    const std::int64_t lane = flat & (kBlock - 1);
    const std::int64_t block = flat / kBlock;
    const std::int64_t left = run_blocks - (block - first_block) % run_blocks;
    const std::int64_t whole = std::min(left, (chunk.end - position) / kBlock);
    const unsigned char* bytes = source + position * static_cast<std::int64_t>(sizeof(T));
    Run<T> run;
    run.block = static_cast<std::uint32_t>(block);
    run.first = static_cast<std::int32_t>(lane & (kLanes - 1));
    std::int64_t size = whole * kBlock;
    if (aligned && lane == 0 && whole > 0) {
      run.values = reinterpret_cast<const T*>(bytes);
      run.last = run.size = static_cast<std::int32_t>(size);
    } else {
      size = std::min(kBlock - lane, chunk.end - position);
      run.last = run.first + static_cast<std::int32_t>(size);
      run.size = (run.last + Run<T>::kGroup - 1) & -Run<T>::kGroup;
      const T padding = quiet_nan(TypeTag<T>{});
      std::fill_n(buffer, run.first, padding);
      std::memcpy(buffer + run.first, bytes, static_cast<std::size_t>(size) * sizeof(T));
      std::fill(buffer + run.last, buffer + kBlock, padding);  // loops may place beyond run.size
      run.values = buffer;
    }
    take(run);
    position += size;
  }
}

}  // namespace igfast

#endif
