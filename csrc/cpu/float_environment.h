// IEEE arithmetic for the duration of a kernel: round to nearest, subnormals neither flushed nor
// read as zero, whatever mode the calling thread is in (torch.set_flush_denormal changes it).
#ifndef IGFAST_CPU_FLOAT_ENVIRONMENT_H
#define IGFAST_CPU_FLOAT_ENVIRONMENT_H

#include <cstdint>

#if defined(__x86_64__) || defined(_M_X64)
#include <xmmintrin.h>
#endif

namespace igfast {

class FloatEnvironment {
 public:
  FloatEnvironment() : saved_(read()) { write(kIeee); }
  ~FloatEnvironment() { write(saved_); }
  FloatEnvironment(const FloatEnvironment&) = delete;
  FloatEnvironment& operator=(const FloatEnvironment&) = delete;

 private:
#if defined(__x86_64__) || defined(_M_X64)
  using Register = unsigned int;
  static constexpr Register kIeee = 0x1f80;  // all exceptions masked, nothing else set
  static Register read() { return _mm_getcsr(); }
  static void write(Register value) { _mm_setcsr(value); }
#elif defined(__aarch64__)
  using Register = std::uint64_t;
  static constexpr Register kIeee = 0;
  static Register read() {
    Register value;
    __asm__ volatile("mrs %0, fpcr" : "=r"(value));
    return value;
  }
  static void write(Register value) { __asm__ volatile("msr fpcr, %0" : : "r"(value)); }
#else
  using Register = int;
  static constexpr Register kIeee = 0;
  static Register read() { return 0; }
  static void write(Register) {}
#endif
  Register saved_;
};

}  // namespace igfast

#endif
