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

// Up to 256 values, a whole number of 8-lane groups, that share one split rotation. Value j sits
// in lane j & 7; elements outside [first, last) are NaN padding at either end of the block.
template <class V>
struct Block {
  const V* values;
  std::int32_t size;
  std::int32_t first;
  std::int32_t last;
  std::uint32_t rotation;
};

// A code is cell * 8 + sub-histogram, sub-histogram = (lane + rotation) & 7: the private word that
// the element increments. With digits: that << 8 | digit.
template <class V>
struct ValueKernels {
  void (*uniform)(const UniformRule<V>&, const Block<V>&, std::uint32_t* codes);
  void (*dyadic)(const DyadicRule&, const Block<V>&, std::uint32_t* codes);
  void (*dyadic_digits)(const DyadicRule&, const Block<V>&, std::uint32_t* codes);
  void (*log)(const LogRule&, const Block<V>&, std::uint32_t* codes);
  void (*log_digits)(const LogRule&, const Block<V>&, std::uint32_t* codes);
  // Adds a full block; returns false, having added nothing, if a value is not finite.
  bool (*moments)(const Block<V>&, MomentSums&);
};

struct Kernels {
  Isa isa;
  ValueKernels<float> of_float;
  ValueKernels<double> of_double;
  void (*add_counts)(const std::uint32_t* codes, std::int32_t size, std::uint32_t* words);
  // words[code >> 8] += 1 << 32 | digit
  void (*add_digits)(const std::uint32_t* codes, std::int32_t size, std::uint64_t* words);
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
