// The table of a device library: the operations of backend.h and plans. Plain C; the library
// exports igf_device_backend and nothing else, and is opened when it is first needed.
//
// Tensor tables, edges, exponents and origins are in host memory; tensor data, outputs and the
// histogram to compare with are in the device's. Streams are the caller's; 0 is the default stream.
#ifndef IGFAST_CUDA_DEVICE_BACKEND_H
#define IGFAST_CUDA_DEVICE_BACKEND_H

#include "backend.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { IGF_DEVICE_ABI = 3, IGF_FUSED_MEASURES = 4 };

typedef struct igf_plan igf_plan;

// What is fixed from call to call.
typedef struct igf_plan_args {
  const igf_tensor* tensors;
  int64_t tensor_count;
  int64_t rows;
  igf_grid grid;
  int64_t splits;
  int32_t offsets;   // whether runs count offsets
  int32_t moments;   // whether runs sum moments or find extents
  int32_t counters;  // CounterKind of tuning.h; 0 chooses
  int32_t device;
  void* stream;  // where the tables are copied; plan_create waits for it
  char error[IGF_ERROR_SIZE];
} igf_plan_args;

// One run. Enqueues on the stream and returns: no allocation, no synchronization, so that it can be
// captured in a graph, as long as `exponents` and `origins` are null or what they were.
typedef struct igf_run_args {
  uint64_t tensors_hash;     // what igf_hash of the tensors says now: refused if it has changed
  const int64_t* exponents;  // dyadic [L], or null to go on with the last ones
  const int64_t* origins;
  int64_t* split_counts;
  int64_t* split_outside;
  int64_t* nan;
  int64_t* offsets;
  igf_moments_output moments;
  igf_extents_output extents;
  const int64_t* previous_counts;   // [L, G, B] on the same bins, for `measures`
  const int64_t* previous_outside;  // [L, G, 2]
  double* measures;  // [L, 4] sum (sqrt p - sqrt q)^2, Shannon entropy, complexity, JS; or null
  void* stream;
  char error[IGF_ERROR_SIZE];
} igf_run_args;

typedef struct igf_plan_info {
  const char* kernel;
  int32_t blocks;
  int32_t segments;
  int64_t shared_bytes;
  uint64_t tensors_hash;
} igf_plan_info;

typedef struct igf_device_backend {
  int32_t abi;
  const char* architectures;  // that the kernels were compiled for: "750,900"
  igf_backend operations;
  // Writes why there is no device and returns non-zero, or describes the devices and returns 0.
  int (*describe)(char* text, int64_t size);
  // Whether a stream is being captured in a graph.
  int (*capturing)(int32_t device, void* stream, int32_t* found, char* error);
  uint64_t (*hash)(const igf_tensor*, int64_t count);
  int (*plan_create)(igf_plan_args*, igf_plan**);
  int (*plan_run)(igf_plan*, igf_run_args*);
  void (*plan_info)(const igf_plan*, igf_plan_info*);
  void (*plan_destroy)(igf_plan*);
  // As in `operations`, on this device: enqueued on the stream of the arguments.
  int (*divergence)(const igf_divergence_args*, int32_t device);
  int (*entropy)(const igf_entropy_args*, int32_t device);
} igf_device_backend;

typedef const igf_device_backend* (*igf_device_backend_function)(void);

#ifdef __cplusplus
}
#endif
#endif
