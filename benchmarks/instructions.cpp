// One kernel over a million values, for callgrind: usage instructions OPERATION DTYPE. The values
// are sums of four uniform numbers from a congruential generator, near enough to normal.
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "cpu/kernels.h"
#include "cpu/word_memory.h"
#include "uniform_table.h"

namespace {

using namespace igfast;

constexpr std::int32_t kRun = 4096;
constexpr std::int64_t kValues = std::int64_t{1} << 20;
constexpr int kBins = 256;

template <class T>
void count(const StorageKernels<T>& loops, const T* values, const std::string& operation) {
  std::vector<double> edges(kBins + 1);
  const double width = (1.1 - -1.3) / kBins;
  for (int b = 0; b <= kBins; ++b) {
    edges[static_cast<std::size_t>(b)] =
        b * width + -1.3;  // as np.linspace: narrow values have ties
  }
  UniformTable<Widened<T>> table;
  table.build(edges.data(), kBins);
  const UniformRule<Widened<T>>& uniform =
      table.rule(sizeof(T) < sizeof(Widened<T>) ? Guesses::kNarrow : Guesses::kRaised);
  const DyadicRule dyadic{-7, kBins, -kBins / 2};
  const LogRule log{3, -20, 192, 0, 385};
  const WordMemory memory(400 * kLanes * sizeof(std::uint64_t));
  auto* const words = static_cast<std::uint32_t*>(memory.words());
  auto* const packed = static_cast<std::uint64_t*>(memory.words());
  Pairs pairs = PairTable::of_this_thread().pairs(400, words);
  Extents<Widened<T>> extents;
  MomentSums sums(0.0);
  for (std::int64_t first = 0; first < kValues; first += kRun) {
    const Run<T> run{values + first, kRun, 0, kRun, static_cast<std::uint32_t>(first / kBlock)};
    if (operation == "uniform") {
      loops.uniform(uniform, run, words);
    } else if (operation == "dyadic") {
      loops.dyadic(dyadic, run, words, nullptr);
    } else if (operation == "dyadic, extents") {
      loops.dyadic(dyadic, run, words, &extents);
    } else if (operation == "log") {
      loops.log(log, run, words);
    } else if (operation == "uniform, pairs") {
      loops.uniform_pairs(uniform, run, pairs);
    } else if (operation == "dyadic, pairs") {
      loops.dyadic_pairs(dyadic, run, pairs, nullptr);
    } else if (operation == "log, pairs") {
      loops.log_pairs(log, run, pairs);
    } else if (operation == "dyadic, offsets") {
      loops.dyadic_digits(dyadic, run, packed, nullptr);
    } else if (operation == "log, offsets") {
      loops.log_digits(log, run, packed);
    } else if (operation == "moments") {
      loops.moments(run, sums);
    } else if (operation == "dyadic, offsets, moments") {
      loops.dyadic_digits_moments(dyadic, run, packed, sums);
    }
  }
}

}  // namespace

int main(int, char** arguments) {
  const std::string operation = arguments[1];
  std::vector<float> values(kValues);
  std::vector<BFloat16> narrow(kValues);
  std::uint32_t state = 1;
  for (std::int64_t i = 0; i < kValues; ++i) {
    float sum = 0.0f;
    for (int term = 0; term < 4; ++term) {
      state = state * 1664525u + 1013904223u;
      sum += static_cast<float>(state >> 8) * 0x1p-24f - 0.5f;
    }
    values[static_cast<std::size_t>(i)] = 0.52f * sum;
    const std::uint32_t bits = bits_from_float(values[static_cast<std::size_t>(i)]);
    narrow[static_cast<std::size_t>(i)].bits = static_cast<std::uint16_t>(bits >> 16);
  }
  if (std::string(arguments[2]) == "float32") {
    count(avx2_kernels().of_float32, values.data(), operation);
  } else {
    count(avx2_kernels().of_bfloat16, narrow.data(), operation);
  }
}
