// Sixteen bytes of a tensor, the unit of a load, and its elements.
#ifndef IGFAST_CUDA_VECTOR_CUH
#define IGFAST_CUDA_VECTOR_CUH

#include <cstdint>
#include <type_traits>

#include "cuda/device.cuh"
#include "dtype.h"

namespace igfast {

// Storage types of at most four bytes that share code, told apart at run time by a switch for every
// four elements: all of them, or those but float32 and bfloat16, what models are trained in.
struct AnyNarrow {};
struct RareNarrow {};

template <class T>
constexpr bool kShared = std::is_same<T, AnyNarrow>::value || std::is_same<T, RareNarrow>::value;

// `bytes` of a vector at any address; the rest is zero.
__device__ inline uint4 load_bytes(const unsigned char* address, int bytes) {
  std::uint32_t words[4] = {0, 0, 0, 0};
#pragma unroll
  for (int i = 0; i < 16; ++i) {
    if (i < bytes) {
      words[i / 4] |= static_cast<std::uint32_t>(address[i]) << (8 * (i % 4));
    }
  }
  return make_uint4(words[0], words[1], words[2], words[3]);
}

// Moves byte `bytes` to byte 0, cyclically.
__device__ inline uint4 rotate(uint4 data, unsigned bytes) {
  if ((bytes & 8u) != 0) {
    data = make_uint4(data.z, data.w, data.x, data.y);
  }
  if ((bytes & 4u) != 0) {
    data = make_uint4(data.y, data.z, data.w, data.x);
  }
  const unsigned bits = 8u * (bytes & 3u);
  return make_uint4(__funnelshift_r(data.x, data.y, bits), __funnelshift_r(data.y, data.z, bits),
                    __funnelshift_r(data.z, data.w, bits), __funnelshift_r(data.w, data.x, bits));
}

__device__ inline std::uint32_t word_of(const uint4& data, int index) {
  return index == 0 ? data.x : index == 1 ? data.y : index == 2 ? data.z : data.w;
}

__device__ inline double double_from_words(std::uint32_t low, std::uint32_t high) {
  const std::uint64_t bits = static_cast<std::uint64_t>(high) << 32 | low;
  double value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

__device__ inline float widen_half(std::uint32_t bits) {
#ifdef __CUDA_ARCH__
  float value;  // one instruction, exact
  asm("cvt.f32.f16 %0, %1;" : "=f"(value) : "h"(static_cast<unsigned short>(bits)));
  return value;
#else
  return widen(Float16{static_cast<std::uint16_t>(bits)});
#endif
}

// Element `index` (a constant after unrolling) of a vector, widened.
template <class T>
__device__ Widened<T> element(const uint4& data, int index);

template <>
__device__ inline double element<double>(const uint4& data, int index) {
  return double_from_words(word_of(data, 2 * index), word_of(data, 2 * index + 1));
}

template <>
__device__ inline float element<float>(const uint4& data, int index) {
  return float_from_bits(word_of(data, index));
}

template <>
__device__ inline float element<BFloat16>(const uint4& data, int index) {
  const std::uint32_t word = word_of(data, index / 2);
  return float_from_bits(index % 2 == 0 ? word << 16 : word & 0xffff0000u);
}

template <>
__device__ inline float element<Float16>(const uint4& data, int index) {
  return widen_half(word_of(data, index / 2) >> (16 * (index % 2)) & 0xffffu);
}

template <>
__device__ inline float element<Float8E4M3FN>(const uint4& data, int index) {
  return widen(
      Float8E4M3FN{static_cast<std::uint8_t>(word_of(data, index / 4) >> (8 * (index % 4)))});
}

template <>
__device__ inline float element<Float8E5M2>(const uint4& data, int index) {
  return widen_half(word_of(data, index / 4) >> (8 * (index % 4)) << 8 & 0xff00u);
}

__device__ inline int item_size(std::int32_t dtype) {
  return dtype == static_cast<std::int32_t>(Dtype::kFloat64)    ? 8
         : dtype == static_cast<std::int32_t>(Dtype::kFloat32)  ? 4
         : dtype <= static_cast<std::int32_t>(Dtype::kBFloat16) ? 2
                                                                : 1;
}

// Element 0 of a vector whose type is known at run time only.
__device__ inline double first_element(const uint4& data, std::int32_t dtype) {
  switch (static_cast<Dtype>(dtype)) {
    case Dtype::kFloat64: return element<double>(data, 0);
    case Dtype::kFloat32: return element<float>(data, 0);
    case Dtype::kFloat16: return element<Float16>(data, 0);
    case Dtype::kBFloat16: return element<BFloat16>(data, 0);
    case Dtype::kFloat8E4M3FN: return element<Float8E4M3FN>(data, 0);
    default: return element<Float8E5M2>(data, 0);
  }
}

template <class T>
__device__ inline int vector_size(std::int32_t dtype) {
  if constexpr (kShared<T>) {
    return 16 / item_size(dtype);
  } else {
    return 16 / static_cast<int>(sizeof(T));
  }
}

template <class T>
__device__ inline void first_four_as(const uint4& data, float (&found)[4]) {
#pragma unroll
  for (int j = 0; j < 4; ++j) {
    found[j] = element<T>(data, j);
  }
}

// The first four elements of a vector of one of the types that T stands for.
template <class T>
__device__ inline void first_four(const uint4& data, std::int32_t dtype, float (&found)[4]) {
  constexpr bool kAll = std::is_same<T, AnyNarrow>::value;
  if (kAll && dtype == static_cast<std::int32_t>(Dtype::kFloat32)) {
    first_four_as<float>(data, found);
  } else if (kAll && dtype == static_cast<std::int32_t>(Dtype::kBFloat16)) {
    first_four_as<BFloat16>(data, found);
  } else if (dtype == static_cast<std::int32_t>(Dtype::kFloat16)) {
    first_four_as<Float16>(data, found);
  } else if (dtype == static_cast<std::int32_t>(Dtype::kFloat8E4M3FN)) {
    first_four_as<Float8E4M3FN>(data, found);
  } else {
    first_four_as<Float8E5M2>(data, found);
  }
}

// take(j, element j) for all elements of a vector.
template <class T, class Take>
__device__ __forceinline__ void for_each_element(uint4 data, std::int32_t dtype, Take take) {
  if constexpr (kShared<T>) {
    const int size = vector_size<T>(dtype);
#pragma unroll 1
    for (int first = 0; first < size; first += 4) {
      float four[4];
      first_four<T>(data, dtype, four);
#pragma unroll
      for (int j = 0; j < 4; ++j) {
        take(first + j, four[j]);
      }
      data = size == 16 ? make_uint4(data.y, data.z, data.w, data.x)
                        : make_uint4(data.z, data.w, data.x, data.y);  // of four: no next round
    }
  } else {
#pragma unroll
    for (int j = 0; j < 16 / static_cast<int>(sizeof(T)); ++j) {
      take(j, element<T>(data, j));
    }
  }
}

}  // namespace igfast

#endif
