// Fills the C table for the CPU. No exception crosses it.
#include "backend.h"

#include <cstdio>
#include <exception>

#include "cpu/operations.h"

extern "C" {
int igf_divergence_cpu(const igf_divergence_args* args);
int igf_entropy_cpu(const igf_entropy_args* args);
}

namespace igfast {
namespace {

template <class Args>
int guarded(void (*operation)(Args&), Args* args) {
  try {
    operation(*args);
    return 0;
  } catch (const std::exception& error) {
    std::snprintf(args->error, sizeof args->error, "%s", error.what());
    return 1;
  }
}

int histogram(igf_histogram_args* args) { return guarded(histogram_cpu, args); }
int moments(igf_moments_args* args) { return guarded(moments_cpu, args); }

}  // namespace
}  // namespace igfast

extern "C" const igf_backend* igf_cpu_backend(void) {
  static const igf_backend table = {"cpu", igfast::histogram, igfast::moments, igf_divergence_cpu,
                                    igf_entropy_cpu};
  return &table;
}
