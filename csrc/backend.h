// The table of operations that every backend fills: plain C, so that a CUDA library opened at run
// time can fill it too. Pointers are in the backend's own memory; outputs belong to the caller and
// are overwritten; an operation returns 0, or writes a sentence to `error` and returns non-zero.
#ifndef IGFAST_BACKEND_H
#define IGFAST_BACKEND_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { IGF_MAX_BINS = 65536, IGF_MAX_THREADS = 1024, IGF_ERROR_SIZE = 256 };

typedef enum igf_grid_kind { IGF_UNIFORM = 0, IGF_DYADIC = 1, IGF_LOG = 2 } igf_grid_kind;

// One input tensor; five 64-bit words, the layout of a row of the (N, 5) int64 array of the caller.
typedef struct igf_tensor {
  int64_t pointer;  // address of element 0, any alignment
  int64_t numel;
  int64_t start;  // flat index of element 0 in its unsharded parameter: decides the splits
  int64_t dtype;  // tag of dtype.h
  int64_t row;    // output row; several tensors may share one
} igf_tensor;

typedef struct igf_grid {
  igf_grid_kind kind;
  int64_t bins;
  const double* edges;       // uniform: [1 or L, bins + 1], strictly increasing
  int64_t edge_rows;         // uniform: 1 or L
  const int64_t* exponents;  // dyadic: [L] bin b covers [origin + b, origin + b + 1) * 2^exponent
  const int64_t* origins;    // dyadic: [L]
  int64_t mantissa_bits;     // log: 2^mantissa_bits bins per octave and sign
  int64_t min_exponent;      // log: one central bin for |x| < 2^min_exponent
  int64_t max_exponent;      // log: under- and overflow from 2^max_exponent on
} igf_grid;

// Integers [L, 4]: count of finite elements, NaN, infinities, zeros.
// Floats [L, 8]: min, max, sum, sum of squares, mean, central sums M2, M3, M4.
typedef struct igf_moments_output {
  int64_t* integers;
  double* floats;
} igf_moments_output;

// Zeros [L]; the finite minimum and maximum [L, 2], +inf and -inf where there is none. Dyadic grids
// only, whose automatic bins follow them.
typedef struct igf_extents_output {
  int64_t* zeros;
  double* extremes;
} igf_extents_output;

typedef struct igf_histogram_args {
  const igf_tensor* tensors;
  int64_t tensor_count;
  int64_t rows;  // L
  igf_grid grid;
  int64_t splits;              // G: 1, 2, 4 or 8
  int64_t* split_counts;       // [L, G, B]
  int64_t* split_outside;      // [L, G, 2] underflow, overflow
  int64_t* nan;                // [L]
  int64_t* offsets;            // [L, G, B] in 256ths of a bin, or NULL
  igf_moments_output moments;  // NULL pointers where not wanted
  igf_extents_output extents;  // NULL pointers where not wanted
  int64_t threads;             // at most; 0 for as many as the machine has
  void* stream;                // a CUDA stream; the CPU ignores it
  const char* isa_used;        // written by the operation
  int64_t threads_used;        // written by the operation
  char error[IGF_ERROR_SIZE];
} igf_histogram_args;

typedef struct igf_moments_args {
  const igf_tensor* tensors;
  int64_t tensor_count;
  int64_t rows;
  igf_moments_output output;
  int64_t threads;
  void* stream;
  const char* isa_used;
  int64_t threads_used;
  char error[IGF_ERROR_SIZE];
} igf_moments_args;

typedef enum igf_divergence_kind {
  IGF_HELLINGER_SQUARED = 0,  // sum (sqrt p - sqrt q)^2
  IGF_KL = 1,
  IGF_JS = 2,
  IGF_FISHER_RAO = 3,
  IGF_CHI2 = 4,  // sum (p - q)^2 / ((p + q) / 2)
  IGF_ALPHA = 5,
  IGF_JS_WEIGHTED = 6,
  IGF_SQUARED_EUCLIDEAN = 7,  // sum (p - q)^2
  IGF_ITAKURA_SAITO = 8       // sum p/q - ln(p/q) - 1
} igf_divergence_kind;

typedef struct igf_divergence_args {
  igf_divergence_kind kind;
  double parameter;          // alpha, weight of p; ignored by the other kinds
  const int64_t* p;          // [L, B] counts
  const int64_t* p_outside;  // [L, 2] underflow, overflow
  const int64_t* q;
  const int64_t* q_outside;
  int64_t rows;
  int64_t bins;
  double* out;  // [L]
  void* stream;
} igf_divergence_args;

typedef enum igf_entropy_kind { IGF_SHANNON = 0, IGF_COMPLEXITY = 1 } igf_entropy_kind;

typedef struct igf_entropy_args {
  igf_entropy_kind kind;
  const int64_t* counts;  // [L, B]
  int64_t rows;
  int64_t bins;
  double* out;  // [L]
  void* stream;
} igf_entropy_args;

typedef struct igf_backend {
  const char* name;
  int (*histogram)(igf_histogram_args*);
  int (*moments)(igf_moments_args*);
  int (*divergence)(const igf_divergence_args*);
  int (*entropy)(const igf_entropy_args*);
} igf_backend;

const igf_backend* igf_cpu_backend(void);

#ifdef __cplusplus
}
#endif
#endif
