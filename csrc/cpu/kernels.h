// What an instruction set provides: loops over one block of values. One table per ISA; the scalar
// one is the definition, the others agree with it bit for bit.
#ifndef IGFAST_CPU_KERNELS_H
#define IGFAST_CPU_KERNELS_H

#include <cstdint>

#include "cpu/isa.h"
#include "cpu/moment_sums.h"
#include "dtype.h"
#include "grid.h"

namespace igfast {

// Up to 256 values that share one split rotation, in whole groups. Value j sits in lane j & 7;
// elements outside [first, last) are NaN padding at either end of the block.
template <class V>
struct Block {
  static constexpr std::int32_t kGroup = 32;
  const V* values;
  std::int32_t size;
  std::int32_t first;
  std::int32_t last;
  std::uint32_t rotation;
};

// An element increments its lane's private word, words[cell * 8 + sub-histogram] with
// sub-histogram = (lane + rotation) & 7: by 1, or, with digits, by 1 << 32 | digit.
template <class V>
struct ValueKernels {
  void (*uniform)(const UniformRule<V>&, const Block<V>&, std::uint32_t* words);
  void (*dyadic)(const DyadicRule&, const Block<V>&, std::uint32_t* words);
  void (*dyadic_digits)(const DyadicRule&, const Block<V>&, std::uint64_t* words);
  void (*log)(const LogRule&, const Block<V>&, std::uint32_t* words);
  void (*log_digits)(const LogRule&, const Block<V>&, std::uint64_t* words);
  // Adds a full block; returns false, having added nothing, if a value is not finite.
  bool (*moments)(const Block<V>&, MomentSums&);
};

struct Kernels {
  Isa isa;
  ValueKernels<float> of_float;
  ValueKernels<double> of_double;
  // Storage at any alignment to values.
  void (*widen_float16)(const unsigned char* source, std::int64_t size, float* values);
  void (*widen_bfloat16)(const unsigned char* source, std::int64_t size, float* values);
  void (*widen_float8_e4m3fn)(const unsigned char* source, std::int64_t size, float* values);
  void (*widen_float8_e5m2)(const unsigned char* source, std::int64_t size, float* values);

  const ValueKernels<float>& of(float) const { return of_float; }
  const ValueKernels<double>& of(double) const { return of_double; }
  auto widening(TypeTag<Float16>) const { return widen_float16; }
  auto widening(TypeTag<BFloat16>) const { return widen_bfloat16; }
  auto widening(TypeTag<Float8E4M3FN>) const { return widen_float8_e4m3fn; }
  auto widening(TypeTag<Float8E5M2>) const { return widen_float8_e5m2; }
};

const Kernels& scalar_kernels();
const Kernels& avx2_kernels();

// The table of current_isa().
const Kernels& current_kernels();

}  // namespace igfast

#endif
