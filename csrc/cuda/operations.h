// The operations behind the table. They throw; backend.cpp turns exceptions into error texts.
#ifndef IGFAST_CUDA_OPERATIONS_H
#define IGFAST_CUDA_OPERATIONS_H

#include <cstdint>

#include "backend.h"

namespace igfast {

// What nvcc compiled this library for, such as "750,900"; "" in the simulator.
const char* compiled_architectures();
int describe_device(char* text, std::int64_t size);  // as `describe` of the table; does not throw
void divergence_device(const igf_divergence_args& args);
void entropy_device(const igf_entropy_args& args);

}  // namespace igfast

#endif
