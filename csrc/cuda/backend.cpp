// Fills the C table of the device library. No exception crosses it.
#include <cstdio>
#include <exception>
#include <stdexcept>

#include "cuda/device_backend.h"
#include "cuda/operations.h"
#include "cuda/plan.h"
#include "cuda/runtime.h"

#ifdef IGFAST_SIMULATOR
#define IGF_BACKEND_NAME "sim"
#else
#define IGF_BACKEND_NAME "cuda"
#endif

struct igf_plan {
  igfast::Plan plan;
};

namespace igfast {
namespace {

template <class Body>
int guarded(char* error, Body body) {
  try {
    body();
    return 0;
  } catch (const std::exception& failure) {
    std::snprintf(error, IGF_ERROR_SIZE, "%s", failure.what());
    return 1;
  }
}

// One call: a plan made, run and forgotten, on the current device; returns when it is done.
int histogram(igf_histogram_args* args) {
  return guarded(args->error, [&] {
    igf_plan_args fixed{};
    fixed.tensors = args->tensors;
    fixed.tensor_count = args->tensor_count;
    fixed.rows = args->rows;
    fixed.grid = args->grid;
    fixed.splits = args->splits;
    fixed.offsets = args->offsets != nullptr ? 1 : 0;
    fixed.moments = args->moments.integers != nullptr || args->extents.zeros != nullptr ? 1 : 0;
    fixed.device = current_device();
    fixed.stream = args->stream;
    Plan plan(fixed);
    igf_run_args now{};
    now.tensors_hash = plan.info().tensors_hash;
    now.split_counts = args->split_counts;
    now.split_outside = args->split_outside;
    now.nan = args->nan;
    now.offsets = args->offsets;
    now.moments = args->moments;
    now.extents = args->extents;
    now.stream = args->stream;
    plan.run(now);
    synchronize(args->stream);
    args->isa_used = IGF_BACKEND_NAME;
    args->threads_used = plan.info().blocks;
  });
}

int moments(igf_moments_args* args) {
  return guarded(args->error, [&] {
    igf_plan_args fixed{};
    fixed.tensors = args->tensors;
    fixed.tensor_count = args->tensor_count;
    fixed.rows = args->rows;
    fixed.splits = 1;
    fixed.moments = 1;
    fixed.device = current_device();
    fixed.stream = args->stream;
    Plan plan(fixed);
    igf_run_args now{};
    now.tensors_hash = plan.info().tensors_hash;
    now.moments = args->output;
    now.stream = args->stream;
    plan.run(now);
    synchronize(args->stream);
    args->isa_used = IGF_BACKEND_NAME;
    args->threads_used = plan.info().blocks;
  });
}

// These two have no room for an error text in their arguments.
int divergence_on(const igf_divergence_args* args, std::int32_t device) {
  char ignored[IGF_ERROR_SIZE];
  return guarded(ignored, [&] {
    const DeviceScope scope(device);
    divergence_device(*args);
  });
}

int entropy_on(const igf_entropy_args* args, std::int32_t device) {
  char ignored[IGF_ERROR_SIZE];
  return guarded(ignored, [&] {
    const DeviceScope scope(device);
    entropy_device(*args);
  });
}

// The same on the current device.
int divergence(const igf_divergence_args* args) {
  char ignored[IGF_ERROR_SIZE];
  return guarded(ignored, [&] { divergence_device(*args); });
}

int entropy(const igf_entropy_args* args) {
  char ignored[IGF_ERROR_SIZE];
  return guarded(ignored, [&] { entropy_device(*args); });
}

int capturing(std::int32_t device, void* stream, std::int32_t* found, char* error) {
  return guarded(error, [&] {
    const DeviceScope scope(device);
    *found = is_capturing(stream) ? 1 : 0;
  });
}

int plan_create(igf_plan_args* args, igf_plan** plan) {
  return guarded(args->error, [&] { *plan = new igf_plan{Plan(*args)}; });
}

int plan_run(igf_plan* plan, igf_run_args* args) {
  return guarded(args->error, [&] { plan->plan.run(*args); });
}

void plan_info(const igf_plan* plan, igf_plan_info* info) { *info = plan->plan.info(); }

void plan_destroy(igf_plan* plan) { delete plan; }

}  // namespace
}  // namespace igfast

extern "C" __attribute__((visibility("default"))) const igf_device_backend* igf_device_backend_v1(
    void) {
  static const igf_device_backend table = {
      IGF_DEVICE_ABI,
      igfast::compiled_architectures(),
      {IGF_BACKEND_NAME, igfast::histogram, igfast::moments, igfast::divergence, igfast::entropy},
      igfast::describe_device,
      igfast::capturing,
      igfast::hash_tensors,
      igfast::plan_create,
      igfast::plan_run,
      igfast::plan_info,
      igfast::plan_destroy,
      igfast::divergence_on,
      igfast::entropy_on};
  return &table;
}
