// Cuts a chunk into blocks of values: in place where the storage is what the kernels read, through
// a small buffer that stays in the first-level cache otherwise.
#ifndef IGFAST_CPU_BLOCKS_H
#define IGFAST_CPU_BLOCKS_H

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <limits>
#include <type_traits>

#include "backend.h"
#include "cpu/kernels.h"
#include "cpu/work.h"
#include "grid.h"

namespace igfast {

inline const unsigned char* tensor_bytes(const igf_tensor& tensor) {
  return reinterpret_cast<const unsigned char*>(static_cast<std::uintptr_t>(tensor.pointer));
}

template <class T>
void widen_into(const Kernels& kernels, const unsigned char* source, std::int64_t size,
                Widened<T>* values) {
  if constexpr (std::is_same<T, Widened<T>>::value) {
    std::memcpy(values, source, static_cast<std::size_t>(size) * sizeof(T));
  } else {
    kernels.widening(TypeTag<T>{})(source, size, values);
  }
}

// Calls take(block) for every block of the chunk, in order.
template <class T, class Take>
void for_each_block(const Kernels& kernels, const igf_tensor& tensor, const Chunk& chunk,
                    Take&& take) {
  using V = Widened<T>;
  alignas(64) V buffer[kBlock];
  const unsigned char* source = tensor_bytes(tensor);
  const bool in_place =
      std::is_same<T, V>::value && reinterpret_cast<std::uintptr_t>(source) % alignof(V) == 0;
  for (std::int64_t position = chunk.begin; position < chunk.end;) {
    const std::int64_t flat = tensor.start + position;
    const std::int64_t lane = flat & (kBlock - 1);
    const std::int64_t size = std::min(kBlock - lane, chunk.end - position);
    const unsigned char* bytes = source + position * static_cast<std::int64_t>(sizeof(T));
    Block<V> block;
    block.rotation = block_rotation(flat);
    block.first = static_cast<std::int32_t>(lane & (kLanes - 1));
    block.last = block.first + static_cast<std::int32_t>(size);
    block.size = (block.last + Block<V>::kGroup - 1) & -Block<V>::kGroup;
    if (in_place && size == block.size) {
      block.values = reinterpret_cast<const V*>(bytes);
    } else {
      std::fill_n(buffer, block.first, std::numeric_limits<V>::quiet_NaN());
      widen_into<T>(kernels, bytes, size, buffer + block.first);
      std::fill(buffer + block.last, buffer + block.size, std::numeric_limits<V>::quiet_NaN());
      block.values = buffer;
    }
    take(block);
    position += size;
  }
}

}  // namespace igfast

#endif
