// The one place that chooses an instruction set at run time.
#ifndef IGFAST_CPU_ISA_H
#define IGFAST_CPU_ISA_H

#include <string>
#include <vector>

#include "cpu/tuning.h"

namespace igfast {

enum class Isa { kScalar, kAvx2, kAvx512 };

const char* isa_name(Isa isa);

// Widest first: what this build holds and this processor runs.
std::vector<Isa> available_isas();

// For the processor at hand.
extern const Prefetch kPrefetch;

// The choice in force: set_isa, else the environment variable IGFAST_ISA, else the widest.
Isa current_isa();

// "auto", "scalar", "avx2" or "avx512"; throws std::invalid_argument naming what is available.
void set_isa(const std::string& name);

}  // namespace igfast

#endif
