// What an instruction set provides: loops over one run of values. One table per ISA; the scalar
// one is the definition, the others agree with it bit for bit.
#ifndef IGFAST_CPU_KERNELS_H
#define IGFAST_CPU_KERNELS_H

#include <cstdint>

#include "cpu/extents.h"
#include "cpu/isa.h"
#include "cpu/moment_sums.h"
#include "cpu/pair_table.h"
#include "dtype.h"
#include "grid.h"

namespace igfast {

// Stored values in whole groups: blocks of 256, each with a split rotation of its own, or a part of
// one block. Value j sits in lane j & 7; elements outside [first, last) are NaN padding at either
// end, which only a part of a block has.
template <class T>
struct Run {
  static constexpr std::int32_t kGroup = 32;
  const T* values;
  std::int32_t size;
  std::int32_t first;
  std::int32_t last;
  std::uint32_t block;  // number of the block of value 0, modulo 2^32
};

constexpr int kDigitBits = 31;

// Loops for values stored as T, widened on the way into registers. An element increments its
// lane's private word, words[cell * 8 + sub-histogram] with sub-histogram = (lane + rotation) & 7:
// by 1, or, with digits, by 1 << kDigitBits | digit, which fits 32 bits. Words lie in WordMemory.
template <class T>
struct StorageKernels {
  void (*uniform)(const UniformRule<Widened<T>>&, const Run<T>&, std::uint32_t* words);
  // Dyadic bins may follow the data: where extents are given, they take in the run as well.
  void (*dyadic)(const DyadicRule&, const Run<T>&, std::uint32_t* words, Extents<Widened<T>>*);
  void (*dyadic_digits)(const DyadicRule&, const Run<T>&, std::uint64_t* words,
                        Extents<Widened<T>>*);
  void (*log)(const LogRule&, const Run<T>&, std::uint32_t* words);
  void (*log_digits)(const LogRule&, const Run<T>&, std::uint64_t* words);
  // Counts alone, without splits; null where an ISA has no such loops.
  void (*uniform_pairs)(const UniformRule<Widened<T>>&, const Run<T>&, Pairs&);
  void (*dyadic_pairs)(const DyadicRule&, const Run<T>&, Pairs&, Extents<Widened<T>>*);
  void (*log_pairs)(const LogRule&, const Run<T>&, Pairs&);
  void (*uniform_singles)(const UniformRule<Widened<T>>&, const Run<T>&, Singles&);
  // Adds whole blocks; returns false, having added nothing, if a value is not finite.
  bool (*moments)(const Run<T>&, MomentSums&);
  // dyadic_digits and moments in one loop: what a Monitor records. False: counted, no moments.
  bool (*dyadic_digits_moments)(const DyadicRule&, const Run<T>&, std::uint64_t* words,
                                MomentSums&);
};

// One value at a time: what vector loops fall back on where a value is not finite.
template <class T>
void add_extents(const Run<T>& run, Extents<Widened<T>>& extents);

struct Kernels {
  Isa isa;
  // Adds what pairs counted to the words and clears it; null where no loop counts pairs.
  void (*empty_pairs)(Pairs&);
  StorageKernels<double> of_float64;
  StorageKernels<float> of_float32;
  StorageKernels<Float16> of_float16;
  StorageKernels<BFloat16> of_bfloat16;
  StorageKernels<Float8E4M3FN> of_float8_e4m3fn;
  StorageKernels<Float8E5M2> of_float8_e5m2;

  const StorageKernels<double>& of(TypeTag<double>) const { return of_float64; }
  const StorageKernels<float>& of(TypeTag<float>) const { return of_float32; }
  const StorageKernels<Float16>& of(TypeTag<Float16>) const { return of_float16; }
  const StorageKernels<BFloat16>& of(TypeTag<BFloat16>) const { return of_bfloat16; }
  const StorageKernels<Float8E4M3FN>& of(TypeTag<Float8E4M3FN>) const { return of_float8_e4m3fn; }
  const StorageKernels<Float8E5M2>& of(TypeTag<Float8E5M2>) const { return of_float8_e5m2; }
};

const Kernels& scalar_kernels();
const Kernels& avx2_kernels();
const Kernels& avx512_kernels();

// The table of current_isa().
const Kernels& current_kernels();

}  // namespace igfast

#endif
