// Cuts a chunk into blocks of stored values: in place where a whole aligned block lies there,
// through a small buffer that stays in the first-level cache otherwise.
#ifndef IGFAST_CPU_BLOCKS_H
#define IGFAST_CPU_BLOCKS_H

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "backend.h"
#include "cpu/kernels.h"
#include "cpu/work.h"
#include "dtype.h"
#include "grid.h"

namespace igfast {

inline const unsigned char* tensor_bytes(const igf_tensor& tensor) {
  return reinterpret_cast<const unsigned char*>(static_cast<std::uintptr_t>(tensor.pointer));
}

// Calls take(block) for every block of the chunk, in order.
template <class T, class Take>
void for_each_block(const igf_tensor& tensor, const Chunk& chunk, Take&& take) {
  alignas(64) T buffer[kBlock];
  const unsigned char* source = tensor_bytes(tensor);
  const bool aligned = reinterpret_cast<std::uintptr_t>(source) % alignof(T) == 0;
  for (std::int64_t position = chunk.begin; position < chunk.end;) {
    const std::int64_t flat = tensor.start + position;
    const std::int64_t lane = flat & (kBlock - 1);
    const std::int64_t size = std::min(kBlock - lane, chunk.end - position);
    const unsigned char* bytes = source + position * static_cast<std::int64_t>(sizeof(T));
    Block<T> block;
    block.rotation = block_rotation(flat);
    block.first = static_cast<std::int32_t>(lane & (kLanes - 1));
    block.last = block.first + static_cast<std::int32_t>(size);
    block.size = (block.last + Block<T>::kGroup - 1) & -Block<T>::kGroup;
    if (aligned && size == block.size) {
      block.values = reinterpret_cast<const T*>(bytes);
    } else {
      const T padding = quiet_nan(TypeTag<T>{});
      std::fill_n(buffer, block.first, padding);
      std::memcpy(buffer + block.first, bytes, static_cast<std::size_t>(size) * sizeof(T));
      std::fill(buffer + block.last, buffer + block.size, padding);
      block.values = buffer;
    }
    take(block);
    position += size;
  }
}

}  // namespace igfast

#endif
