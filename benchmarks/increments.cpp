// How fast one core can increment counters at all: indices lie ready in the first-level cache.
// Prints cycles per nanosecond (of dependent additions), then Gelem/s of stores to the counters,
// and of increments, 32 bits, 64 bits, and a byte for a pair of values, with its carry looked at.
#include <time.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <vector>

namespace {

constexpr int kIndices = 1 << 12;
constexpr int kCells = 256 * 8;
constexpr int kStride = 576;  // of the table of pairs

double now() {
  timespec time;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) * 1e9 + static_cast<double>(time.tv_nsec);
}

// Nanoseconds of the fastest of many calls.
template <class Call>
double fastest(const Call& call) {
  double found = 1e30;
  for (int round = 0; round < 3000; ++round) {
    const double begin = now();
    for (int repeat = 0; repeat < 10; ++repeat) {
      call();
    }
    found = std::min(found, (now() - begin) / 10);
  }
  return found;
}

// Two indices to a load, as the kernels do.
template <class Count>
double per_nanosecond(const std::vector<std::uint32_t>& indices, const Count& count) {
  return kIndices / fastest([&] {
           for (int i = 0; i < kIndices; i += 2) {
             std::uint64_t pair;
             std::memcpy(&pair, indices.data() + i, sizeof pair);
             count(static_cast<std::uint32_t>(pair));
             count(pair >> 32);
             __asm__ volatile("" : : : "memory");
           }
         });
}

void count_pair(std::vector<unsigned char>& pairs, std::uint64_t at, std::uint64_t& wrapped) {
  __asm__ goto("addb $1, (%0,%1)\n\tjc %l[carry]"
               :
               : "r"(pairs.data()), "r"(at)
               : "memory", "cc"
               : carry);
  return;
carry:
  ++wrapped;
}

}  // namespace

int main() {
  std::vector<std::uint32_t> indices(kIndices);
  std::uint32_t state = 1;
  for (int i = 0; i < kIndices; ++i) {
    int bin = 0;
    for (int part = 0; part < 4; ++part) {  // near enough to normal
      state = state * 1664525 + 1013904223;
      bin += static_cast<int>(state >> 26);
    }
    indices[static_cast<std::size_t>(i)] = static_cast<std::uint32_t>(bin * 8 + (i & 7));
  }
  std::vector<std::uint32_t> narrow(kCells + 64);
  std::vector<std::uint64_t> wide(kCells + 64);
  const double additions =
      4000 / fastest([] {
        std::uint64_t x = 0;
        for (int i = 0; i < 1000; ++i) {
          __asm__ volatile("add $1, %0; add $1, %0; add $1, %0; add $1, %0" : "+r"(x));
        }
      });
  const double stores = per_nanosecond(indices, [&](std::uint64_t at) { narrow[at] = 1; });
  const double counts = per_nanosecond(indices, [&](std::uint64_t at) { ++narrow[at]; });
  const double sums = per_nanosecond(indices, [&](std::uint64_t at) { wide[at] += 0x80000001; });
  std::vector<std::uint32_t> joint(kIndices);  // of twice as many values
  for (int i = 0; i < kIndices; ++i) {
    const std::uint32_t a = indices[static_cast<std::size_t>(i)] / 8;
    const std::uint32_t b = indices[static_cast<std::size_t>((i + 1) % kIndices)] / 8;
    joint[static_cast<std::size_t>(i)] = std::max(a, b) * kStride + std::min(a, b);
  }
  std::vector<unsigned char> pairs(256 * kStride);
  std::uint64_t wrapped = 0;
  const double both =
      2 * per_nanosecond(joint, [&](std::uint64_t at) { count_pair(pairs, at, wrapped); });
  std::printf("%.3f %.3f %.3f %.3f %.3f\n", additions, stores, counts, sums, both);
}
