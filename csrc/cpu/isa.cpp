#include "cpu/isa.h"

#include <atomic>
#include <cstdlib>
#include <stdexcept>

namespace igfast {
namespace {

constexpr int kUndecided = -1;
std::atomic<int> g_choice{kUndecided};

bool processor_has_avx2() {
#ifdef IGFAST_HAVE_AVX2
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("f16c");
#else
  return false;
#endif
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

const char* isa_name(Isa isa) { return isa == Isa::kAvx2 ? "avx2" : "scalar"; }

std::vector<Isa> available_isas() {
  if (processor_has_avx2()) {
    return {Isa::kAvx2, Isa::kScalar};
  }
  return {Isa::kScalar};
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
