// Between the hooks and the simulator.
#ifndef IGFAST_SIMULATOR_ACCESSES_H
#define IGFAST_SIMULATOR_ACCESSES_H

#include <cstddef>

#include "races.h"

namespace simulator {

// The running thread touches memory; a race ends the launch.
void report_access(const void* address, std::size_t bytes, Access access);

}  // namespace simulator

#endif
