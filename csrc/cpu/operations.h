// The CPU operations behind igf_cpu_backend(), each in the file of its name.
#ifndef IGFAST_CPU_OPERATIONS_H
#define IGFAST_CPU_OPERATIONS_H

#include "backend.h"

namespace igfast {

// These throw; backend.cpp turns exceptions into the error text of the C table.
void histogram_cpu(igf_histogram_args& args);
void moments_cpu(igf_moments_args& args);

}  // namespace igfast

#endif
