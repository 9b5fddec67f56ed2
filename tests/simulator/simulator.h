// Runs CUDA kernels under a C++ compiler: one fiber per thread of a block, one block after the
// other.
//
// Between two meeting points (barriers, shuffles) a thread runs alone, and a warp goes on until it
// waits at a barrier; the schedule says in which order lanes, warps and blocks take their turns, so
// a missing meeting point shows as a wrong result in one schedule or another. Shared memory and
// device memory start poisoned. Every meeting point is a site: tests list the sites, disable one,
// and expect a failure.
#ifndef IGFAST_SIMULATOR_H
#define IGFAST_SIMULATOR_H

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <functional>
#include <limits>
#include <string>

namespace simulator {

struct Dim3 {
  unsigned x, y, z;
};

// A place in the source where threads meet, and whether it is disabled (a mutation).
struct Site {
  const char* file;
  int line;
  const char* kind;
  bool disabled;
};

// The site of this kind on this line; one for all template instances.
Site& site_at(const char* file, int line, const char* kind);

extern Dim3 thread_index;  // of the running thread
extern Dim3 block_index;

void barrier(Site& site);
// Deposits `bits`, waits for the lanes of `mask`, returns what lane `source` deposited.
std::uint64_t exchange(Site& site, unsigned mask, std::uint64_t bits, int source);
// A turn may end before an atomic operation, in the random schedule.
void before_atomic();
unsigned char* shared_memory();

// Throws std::runtime_error on a deadlock and where a kernel leaves its shared memory.
void run(int blocks, int threads, std::size_t shared, const std::function<void()>& kernel);

template <class T>
T shuffle(Site& site, unsigned mask, T value, int source) {
  static_assert(sizeof(T) <= 8, "shuffles move at most 8 bytes");
  std::uint64_t bits = 0;
  std::memcpy(&bits, &value, sizeof value);
  bits = exchange(site, mask, bits, source);
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

template <class Integer, class Real>
Integer round_down_saturated(Real value) {
  if (value != value) {
    return sizeof(Integer) == 4 ? 0 : std::numeric_limits<Integer>::min();  // as the hardware
  }
  const Real floor = std::floor(value);
  if (floor >= -static_cast<Real>(std::numeric_limits<Integer>::min())) {
    return std::numeric_limits<Integer>::max();
  }
  if (floor < static_cast<Real>(std::numeric_limits<Integer>::min())) {
    return std::numeric_limits<Integer>::min();
  }
  return static_cast<Integer>(floor);
}

}  // namespace simulator

#define __global__
#define __device__
#define __host__
#define __forceinline__ inline
#define __grid_constant__
#define __launch_bounds__(...)
#define IGF_OUTLINED

#define threadIdx (::simulator::thread_index)
#define blockIdx (::simulator::block_index)

// A reference local to each use, so that looking a site up costs one test.
#define IGF_SITE(kind)                                                               \
  ([]() -> ::simulator::Site& {                                                      \
    static ::simulator::Site& site = ::simulator::site_at(__FILE__, __LINE__, kind); \
    return site;                                                                     \
  }())
#define __syncthreads() ::simulator::barrier(IGF_SITE("barrier"))
#define __shfl_down_sync(mask, value, distance) \
  ::simulator::shuffle(                         \
      IGF_SITE("shuffle"), mask, value,         \
      std::min(31, static_cast<int>(threadIdx.x & 31u) + static_cast<int>(distance)))
#define __shfl_xor_sync(mask, value, bits)               \
  ::simulator::shuffle(IGF_SITE("shuffle"), mask, value, \
                       static_cast<int>(threadIdx.x & 31u) ^ static_cast<int>(bits))

struct uint4 {
  unsigned x, y, z, w;
};

inline uint4 make_uint4(unsigned x, unsigned y, unsigned z, unsigned w) { return {x, y, z, w}; }

inline int min(int a, int b) { return a < b ? a : b; }
inline int max(int a, int b) { return a > b ? a : b; }

template <class T>
T __ldcs(const T* address) {
  return *address;
}
template <class T>
T __ldcg(const T* address) {
  return *address;
}

inline unsigned __funnelshift_r(unsigned low, unsigned high, unsigned bits) {
  return static_cast<unsigned>((static_cast<std::uint64_t>(high) << 32 | low) >> (bits & 31u));
}
inline int __float2int_rd(float value) { return simulator::round_down_saturated<int>(value); }
inline long long __double2ll_rd(double value) {
  return simulator::round_down_saturated<long long>(value);
}

template <class T>
T atomicAdd(T* address, T value) {
  simulator::before_atomic();
  const T old = *address;
  *address = old + value;
  return old;
}
inline unsigned atomicInc(unsigned* address, unsigned last) {
  simulator::before_atomic();
  const unsigned old = *address;
  *address = old >= last ? 0 : old + 1;
  return old;
}
inline void __threadfence() {}

namespace igfast {
inline unsigned char* shared_memory() { return simulator::shared_memory(); }
}  // namespace igfast

#endif
