// Divergences and entropies of L histograms: one block for each. Nothing of the C++ library is
// called in a .cu file, so that another compiler's may be linked.
#include "cuda/measures.cuh"
#include "cuda/operations.h"
#include "cuda/runtime.h"

namespace igfast {
namespace {

struct DivergenceLaunch {
  igf_divergence_kind kind;
  double parameter;
  const long long* p;
  const long long* p_outside;
  const long long* q;
  const long long* q_outside;
  std::int64_t bins;
  double* out;
};

struct EntropyLaunch {
  igf_entropy_kind kind;
  const long long* counts;
  std::int64_t bins;
  double* out;
};

__device__ double term_of(igf_divergence_kind kind, double parameter, const Cell& cell) {
  switch (kind) {
    case IGF_HELLINGER_SQUARED: return hellinger_squared_term(cell);
    case IGF_KL: return kl_term(cell);
    case IGF_JS: return js_term(cell);
    case IGF_FISHER_RAO: return hellinger_squared_term(cell);
    case IGF_CHI2: return chi2_term(cell);
    case IGF_ALPHA: return alpha_term(cell, parameter);
    case IGF_JS_WEIGHTED: return js_weighted_term(cell, parameter);
    case IGF_SQUARED_EUCLIDEAN: return squared_euclidean_term(cell);
    case IGF_ITAKURA_SAITO: return itakura_saito_term(cell);
  }
  return nan("");
}

__global__ void __launch_bounds__(CudaTuning::kThreads)
    divergence_kernel(const __grid_constant__ DivergenceLaunch launch) {
  const std::int64_t row = blockIdx.x;
  const RowCounts p{launch.p + row * launch.bins, launch.p_outside + row * 2, launch.bins, 1};
  const RowCounts q{launch.q + row * launch.bins, launch.q_outside + row * 2, launch.bins, 1};
  const std::int64_t n = block_total(p, p.bins + 2, shared_memory());
  const std::int64_t m = block_total(q, q.bins + 2, shared_memory());
  double sum = nan("");
  if (n > 0 && m > 0) {
    sum = sum_cells(p.bins + 2, shared_memory(), [&](std::int64_t cell) {
      return term_of(launch.kind, launch.parameter, make_cell(p[cell], n, q[cell], m));
    });
  }
  if (threadIdx.x == 0) {
    launch.out[row] = launch.kind == IGF_FISHER_RAO ? fisher_rao(sum) : sum;
  }
}

__global__ void __launch_bounds__(CudaTuning::kThreads)
    entropy_kernel(const __grid_constant__ EntropyLaunch launch) {
  const std::int64_t row = blockIdx.x;
  const RowCounts p{launch.counts + row * launch.bins, nullptr, launch.bins, 1};
  const std::int64_t total = block_total(p, p.bins, shared_memory());
  const auto sum_of = [&](int kind) {
    return sum_cells(p.bins, shared_memory(), [&](std::int64_t cell) {
      return fused_term(kind, p[cell], total, 1, p.bins);
    });
  };
  double value = nan("");
  if (total > 0) {
    value = sum_of(kEntropyTerm);
    if (launch.kind == IGF_COMPLEXITY) {
      value = complexity(value, sum_of(kComplexityTerm), p.bins);
    }
  }
  if (threadIdx.x == 0) {
    launch.out[row] = value;
  }
}

constexpr std::size_t kScratch = CudaTuning::kWarps * sizeof(double);

const long long* as_counts(const std::int64_t* counts) {
  return reinterpret_cast<const long long*>(counts);
}

}  // namespace

void divergence_device(const igf_divergence_args& args) {
  if (args.rows > 0) {
    const DivergenceLaunch launch_args = {args.kind,         args.parameter,
                                          as_counts(args.p), as_counts(args.p_outside),
                                          as_counts(args.q), as_counts(args.q_outside),
                                          args.bins,         args.out};
    launch(divergence_kernel, static_cast<int>(args.rows), CudaTuning::kThreads, kScratch,
           args.stream, launch_args);
  }
}

void entropy_device(const igf_entropy_args& args) {
  if (args.rows > 0) {
    const EntropyLaunch launch_args = {args.kind, as_counts(args.counts), args.bins, args.out};
    launch(entropy_kernel, static_cast<int>(args.rows), CudaTuning::kThreads, kScratch, args.stream,
           launch_args);
  }
}

}  // namespace igfast
