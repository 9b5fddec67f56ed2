// Divergences and entropies of L pairs of histograms, one after the other in a fixed order: the
// same bits on any machine with IEEE arithmetic and the same libm.
#include "measures.h"

#include "backend.h"

namespace igfast {
namespace {

// Neumaier's sum: 65,536 terms cost no digits.
struct Sum {
  double total = 0.0, lost = 0.0;

  void add(double term) {
    const double next = total + term;
    lost += std::fabs(total) >= std::fabs(term) ? (total - next) + term : (term - next) + total;
    total = next;
  }
  // An infinite term turns `lost` into NaN and says it all by itself.
  double value() const { return std::isfinite(total) ? total + lost : total; }
};

std::int64_t total_of(const std::int64_t* counts, std::int64_t bins, const std::int64_t* outside) {
  std::int64_t total = outside[0] + outside[1];
  for (std::int64_t bin = 0; bin < bins; ++bin) total += counts[bin];
  return total;
}

template <typename Term>
double sum_cells(std::int64_t bins, const std::int64_t* p, const std::int64_t* p_outside,
                 const std::int64_t* q, const std::int64_t* q_outside, Term term) {
  const std::int64_t N = total_of(p, bins, p_outside), M = total_of(q, bins, q_outside);
  if (N <= 0 || M <= 0) return std::nan("");
  Sum sum;
  for (int side = 0; side < 2; ++side)
    sum.add(term(make_cell(p_outside[side], N, q_outside[side], M)));
  for (std::int64_t bin = 0; bin < bins; ++bin) sum.add(term(make_cell(p[bin], N, q[bin], M)));
  return sum.value();
}

double shannon(const std::int64_t* counts, std::int64_t bins, std::int64_t total) {
  Sum sum;
  for (std::int64_t bin = 0; bin < bins; ++bin) sum.add(shannon_term(counts[bin], total));
  return sum.value();
}

// H/ln B times Q0 times the Jensen-Shannon divergence from the uniform distribution.
double complexity(const std::int64_t* counts, std::int64_t bins, std::int64_t total,
                  double entropy) {
  if (bins < 2) return std::nan("");
  const auto term = [&](std::int64_t count) { return js_term(make_cell(count, total, 1, bins)); };
  const double of_empty = term(0);  // many are
  Sum divergence;
  for (std::int64_t bin = 0; bin < bins; ++bin)
    divergence.add(counts[bin] == 0 ? of_empty : term(counts[bin]));
  const double scale = complexity_scale(static_cast<double>(bins));
  return entropy / std::log(static_cast<double>(bins)) * scale * divergence.value();
}

double divergence(const igf_divergence_args& args, std::int64_t row) {
  const auto sum = [&](auto term) {
    return sum_cells(args.bins, args.p + row * args.bins, args.p_outside + row * 2,
                     args.q + row * args.bins, args.q_outside + row * 2, term);
  };
  switch (args.kind) {
    case IGF_HELLINGER_SQUARED: return sum(hellinger_squared_term);
    case IGF_KL: return sum(kl_term);
    case IGF_JS: return sum(js_term);
    case IGF_FISHER_RAO: return fisher_rao(sum(hellinger_squared_term));
    case IGF_CHI2: return sum(chi2_term);
    case IGF_ALPHA: return sum([&](const Cell& cell) { return alpha_term(cell, args.parameter); });
    case IGF_JS_WEIGHTED:
      return sum([&](const Cell& cell) { return js_weighted_term(cell, args.parameter); });
    case IGF_SQUARED_EUCLIDEAN: return sum(squared_euclidean_term);
    case IGF_ITAKURA_SAITO: return sum(itakura_saito_term);
  }
  return std::nan("");
}

std::int64_t total_inside(const std::int64_t* counts, std::int64_t bins) {
  constexpr std::int64_t kNothing[2] = {0, 0};
  return total_of(counts, bins, kNothing);
}

double entropy(const igf_entropy_args& args, std::int64_t row) {
  const std::int64_t* counts = args.counts + row * args.bins;
  const std::int64_t total = total_inside(counts, args.bins);
  if (total <= 0) return std::nan("");
  const double shannon_entropy = shannon(counts, args.bins, total);
  switch (args.kind) {
    case IGF_SHANNON: return shannon_entropy;
    case IGF_COMPLEXITY: return complexity(counts, args.bins, total, shannon_entropy);
  }
  return std::nan("");
}

}  // namespace

}  // namespace igfast

extern "C" int igf_divergence_cpu(const igf_divergence_args* args) {
  if (args->kind < IGF_HELLINGER_SQUARED || args->kind > IGF_ITAKURA_SAITO) return 1;
  for (std::int64_t row = 0; row < args->rows; ++row)
    args->out[row] = igfast::divergence(*args, row);
  return 0;
}

extern "C" int igf_entropy_cpu(const igf_entropy_args* args) {
  if (args->kind != IGF_SHANNON && args->kind != IGF_COMPLEXITY) return 1;
  for (std::int64_t row = 0; row < args->rows; ++row) args->out[row] = igfast::entropy(*args, row);
  return 0;
}
