// Runs CUDA kernels under a C++ compiler: one fiber per thread, several blocks in flight.
//
// Between two meeting points (barriers, shuffles) a thread runs alone, and a warp goes on until it
// waits at a barrier; the schedule says which lane, warp and block comes first. Shared memory and
// device memory start poisoned. Every access of a kernel to shared and device memory is reported
// (hooks.cpp) and checked for races (races.h), so that a missing barrier or fence shows in any
// schedule. Barriers, fences and shuffles are sites: tests list them, disable one, and expect a
// failure.
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
extern bool idle;  // launches do nothing

void barrier(Site& site);
void fence(Site& site);
// Deposits `bits`, waits for the lanes of `mask`, returns what lane `source` deposited.
std::uint64_t exchange(Site& site, unsigned mask, std::uint64_t bits, int source);
unsigned char* shared_memory();

unsigned atomic_add(unsigned* address, unsigned value);
unsigned long long atomic_add(unsigned long long* address, unsigned long long value);
// Also what threads of different blocks synchronize by.
unsigned atomic_increment(unsigned* address, unsigned last);

// Throws std::runtime_error on a deadlock, on a race, and where a kernel leaves its shared memory.
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

// A reference local to each use, so that looking a site up costs one test; it is no memory of the
// kernel's.
#define IGF_SITE(kind)                                                               \
  ([]() __attribute__((no_sanitize("thread"))) -> ::simulator::Site& {               \
    static ::simulator::Site& site = ::simulator::site_at(__FILE__, __LINE__, kind); \
    return site;                                                                     \
  }())
#define __syncthreads() ::simulator::barrier(IGF_SITE("barrier"))
#define __threadfence() ::simulator::fence(IGF_SITE("fence"))
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

inline unsigned atomicAdd(unsigned* address, unsigned value) {
  return simulator::atomic_add(address, value);
}
inline unsigned long long atomicAdd(unsigned long long* address, unsigned long long value) {
  return simulator::atomic_add(address, value);
}
inline unsigned atomicInc(unsigned* address, unsigned last) {
  return simulator::atomic_increment(address, last);
}

namespace igfast {
inline unsigned char* shared_memory() { return simulator::shared_memory(); }
inline void add_globally(unsigned long long* address, unsigned long long value) {
  simulator::atomic_add(address, value);
}
}  // namespace igfast

#endif
