#include "cpu/isa.h"

#include <atomic>
#include <cstdlib>
#include <stdexcept>

namespace igfast {
namespace {

constexpr int kUndecided = -1;
std::atomic<int> g_choice{kUndecided};

// An ISA's file is compiled for exactly the features asked for here.
bool processor_has(Isa isa) {
  switch (isa) {
    case Isa::kScalar: return true;
#ifdef IGFAST_HAVE_X86_ISAS
    case Isa::kAvx2: return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("f16c");
    // VBMI2 is not used: it leaves out the first generation, which slows down at 512 bits.
    case Isa::kAvx512:
      return processor_has(Isa::kAvx2) && __builtin_cpu_supports("avx512f") &&
             __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
             __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512vbmi2");
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

}  // namespace

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
