#include "cpu/isa.h"

#include <atomic>
#include <cstdlib>
#include <stdexcept>

#ifdef IGFAST_HAVE_X86_ISAS
#include <cpuid.h>
#endif

namespace igfast {
namespace {

constexpr int kUndecided = -1;
std::atomic<int> g_choice{kUndecided};

#ifdef IGFAST_HAVE_X86_ISAS
struct Registers {
  unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
};

Registers cpuid(unsigned leaf) {
  Registers found;
  __get_cpuid_count(leaf, 0, &found.eax, &found.ebx, &found.ecx, &found.edx);
  return found;
}

// Hygon's processors are AMD's design.
bool is_amd() {
  const unsigned vendor = cpuid(0).ebx;
  return vendor == 0x68747541 || vendor == 0x6f677948;  // "Auth", "Hygo"
}

bool all_of(unsigned bits, unsigned wanted) { return (bits & wanted) == wanted; }

// What registers the operating system saves; only where it says so at all (OSXSAVE).
unsigned saved_state() {
  unsigned low = 0;
  unsigned high = 0;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return low;
}

// __builtin_cpu_supports needs a run-time library that not every toolchain links: zig's says no.
bool processor_has_avx2() {
  constexpr unsigned kFma = 1u << 12, kSaves = 1u << 27, kAvx = 1u << 28, kF16c = 1u << 29;
  constexpr unsigned kAvx2 = 1u << 5;
  return all_of(cpuid(1).ecx, kFma | kSaves | kAvx | kF16c) && all_of(saved_state(), 0x06) &&
         all_of(cpuid(7).ebx, kAvx2);
}

bool processor_has_avx512() {
  constexpr unsigned kF = 1u << 16, kDq = 1u << 17, kBw = 1u << 30, kVl = 1u << 31;
  constexpr unsigned kVbmi2 = 1u << 6;
  // VBMI2 is not used: it leaves out the first generation, which slows down at 512 bits.
  return processor_has_avx2() && all_of(saved_state(), 0xe6) &&
         all_of(cpuid(7).ebx, kF | kDq | kBw | kVl) && all_of(cpuid(7).ecx, kVbmi2);
}
#endif

// An ISA's file is compiled for exactly the features asked for here.
bool processor_has(Isa isa) {
  switch (isa) {
    case Isa::kScalar: return true;
#ifdef IGFAST_HAVE_X86_ISAS
    case Isa::kAvx2: return processor_has_avx2();
    case Isa::kAvx512: return processor_has_avx512();
#endif
    default: return false;
  }
}

Isa parse(const std::string& name, const char* source) {
  const std::vector<Isa> available = available_isas();
  if (name == "auto") {
    return available.front();
  }
  std::string known = "auto";
  for (const Isa isa : available) {
    if (name == isa_name(isa)) {
      return isa;
    }
    known += std::string(", ") + isa_name(isa);
  }
  throw std::invalid_argument(std::string(source) + ": instruction set '" + name +
                              "' is not available here; choose one of: " + known);
}

Prefetch choose_prefetch() {
#ifdef IGFAST_HAVE_X86_ISAS
  if (is_amd()) {
    return kPrefetchOnAmd;
  }
#endif
  return kPrefetchOnIntel;
}

}  // namespace

const Prefetch kPrefetch = choose_prefetch();

const char* isa_name(Isa isa) {
  switch (isa) {
    case Isa::kAvx512: return "avx512";
    case Isa::kAvx2: return "avx2";
    default: return "scalar";
  }
}

std::vector<Isa> available_isas() {
  std::vector<Isa> available;
  for (const Isa isa : {Isa::kAvx512, Isa::kAvx2, Isa::kScalar}) {
    if (processor_has(isa)) {
      available.push_back(isa);
    }
  }
  return available;
}

Isa current_isa() {
  const int choice = g_choice.load(std::memory_order_relaxed);
  if (choice != kUndecided) {
    return static_cast<Isa>(choice);
  }
  const char* environment = std::getenv("IGFAST_ISA");
  const Isa isa = parse(environment != nullptr ? environment : "auto", "IGFAST_ISA");
  g_choice.store(static_cast<int>(isa), std::memory_order_relaxed);
  return isa;
}

void set_isa(const std::string& name) {
  g_choice.store(static_cast<int>(parse(name, "set_isa")), std::memory_order_relaxed);
}

}  // namespace igfast
