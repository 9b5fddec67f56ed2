// Persistent worker threads, shared by all calls of the process.
#ifndef IGFAST_CPU_THREAD_POOL_H
#define IGFAST_CPU_THREAD_POOL_H

#include <cstdint>
#include <functional>

namespace igfast {

// Calls body(worker) for worker 0 .. workers - 1 at the same time, the caller being worker 0, and
// returns when all have. One parallel call runs at a time; `body` must therefore share its work
// through a queue: when the pool is busy with another caller, only worker 0 runs. Returns the
// number of workers that ran. The first exception of any worker is rethrown in the caller.
std::int64_t run_parallel(std::int64_t workers, const std::function<void(std::int64_t)>& body);

std::int64_t hardware_threads();

}  // namespace igfast

#endif
