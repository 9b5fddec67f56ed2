// The operations behind the table. They throw; backend.cu turns exceptions into error texts.
#ifndef IGFAST_CUDA_OPERATIONS_H
#define IGFAST_CUDA_OPERATIONS_H

#include "backend.h"

namespace igfast {

void divergence_device(const igf_divergence_args& args);
void entropy_device(const igf_entropy_args& args);

}  // namespace igfast

#endif
