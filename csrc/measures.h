// Scalar rules: one cell of two histograms -> its term of a divergence. Host and device, no loops.
//
// Precision policy. Counts are integers; p = n/N and q = m/M are never subtracted as rounded
// numbers. p - q and p + q come from the exact 128-bit integers nM - mN and nM + mN, and every
// divergence is a sum of terms that are each >= 0 and accurate to a few ulp. So histograms that
// differ by one count in 10^15 keep all digits of their distance, where sum p ln(p/q) keeps none.
//
// The terms are written in s = (p - q)/(p + q), with p = h(1 + s), q = h(1 - s), h = (p + q)/2.
// Adding p - q or q - p to a term changes no sum: both histograms add up to one.
#ifndef IGFAST_MEASURES_H
#define IGFAST_MEASURES_H

#include <cmath>
#include <cstdint>

#include "host_device.h"

namespace igfast {

__extension__ typedef __int128 Int128;

// Natural units (nats) throughout.
constexpr double kLn2 = 0.69314718055994530942;

struct Cell {
  double p;           // n/N
  double q;           // m/M
  double difference;  // p - q
  double contrast;    // s = (p - q)/(p + q); 0 where both are empty
};

// Totals are positive; counts lie in [0, total].
IGF_HOST_DEVICE inline Cell make_cell(std::int64_t n, std::int64_t total_n, std::int64_t m,
                                      std::int64_t total_m) {
  const Int128 left = static_cast<Int128>(n) * total_m;
  const Int128 right = static_cast<Int128>(m) * total_n;
  const double difference = static_cast<double>(left - right);
  const double sum = static_cast<double>(left + right);
  const double N = static_cast<double>(total_n), M = static_cast<double>(total_m);
  return {static_cast<double>(n) / N, static_cast<double>(m) / M, difference / (N * M),
          sum > 0.0 ? difference / sum : 0.0};
}

// atanh(s) - s, without the cancellation near 0.
IGF_HOST_DEVICE inline double atanh_excess(double s) {
  if (std::fabs(s) > 0.25) return std::atanh(s) - s;
  const double t = s * s;
  double sum = 1.0 / 25.0;  // s^3/3 + s^5/5 + ... + s^25/25: the rest is below 1e-16 of it
  sum = sum * t + 1.0 / 23.0;
  sum = sum * t + 1.0 / 21.0;
  sum = sum * t + 1.0 / 19.0;
  sum = sum * t + 1.0 / 17.0;
  sum = sum * t + 1.0 / 15.0;
  sum = sum * t + 1.0 / 13.0;
  sum = sum * t + 1.0 / 11.0;
  sum = sum * t + 1.0 / 9.0;
  sum = sum * t + 1.0 / 7.0;
  sum = sum * t + 1.0 / 5.0;
  sum = sum * t + 1.0 / 3.0;
  return sum * t * s;
}

// (exp(z) - 1 - z)/z^2, 1/2 at z = 0.
IGF_HOST_DEVICE inline double exp_excess(double z) {
  if (std::fabs(z) > 0.5) return (std::expm1(z) - z) / (z * z);
  double sum = 1.0 / 15.0;  // 1/2! + z/3! + ... + z^13/15!, nested
  sum = (1.0 + sum * z) / 14.0;
  sum = (1.0 + sum * z) / 13.0;
  sum = (1.0 + sum * z) / 12.0;
  sum = (1.0 + sum * z) / 11.0;
  sum = (1.0 + sum * z) / 10.0;
  sum = (1.0 + sum * z) / 9.0;
  sum = (1.0 + sum * z) / 8.0;
  sum = (1.0 + sum * z) / 7.0;
  sum = (1.0 + sum * z) / 6.0;
  sum = (1.0 + sum * z) / 5.0;
  sum = (1.0 + sum * z) / 4.0;
  sum = (1.0 + sum * z) / 3.0;
  return (1.0 + sum * z) / 2.0;
}

// ln(p/q) for p, q > 0.
IGF_HOST_DEVICE inline double log_ratio(const Cell& cell) {
  if (std::fabs(cell.contrast) < 0.5) return 2.0 * std::atanh(cell.contrast);
  return std::log(cell.p / cell.q);
}

// (sqrt p - sqrt q)^2
IGF_HOST_DEVICE inline double hellinger_squared_term(const Cell& cell) {
  if (cell.contrast == 0.0) return 0.0;
  const double root = cell.difference / (std::sqrt(cell.p) + std::sqrt(cell.q));
  return root * root;
}

// (p - q)^2 / ((p + q)/2)
IGF_HOST_DEVICE inline double chi2_term(const Cell& cell) {
  return 2.0 * cell.difference * cell.contrast;
}

// p ln(p/q) - p + q = 2h [s atanh(s) + (atanh(s) - s)]; infinite where q = 0 < p.
IGF_HOST_DEVICE inline double kl_term(const Cell& cell) {
  if (cell.p == 0.0) return cell.q;
  if (cell.q == 0.0) return HUGE_VAL;
  const double s = cell.contrast;
  if (std::fabs(s) < 0.5) return (cell.p + cell.q) * (s * std::atanh(s) + atanh_excess(s));
  return cell.p * log_ratio(cell) - cell.difference;
}

// (1/2) p ln(p/h) + (1/2) q ln(q/h) = (h/2) [2 s atanh(s) + ln(1 - s^2)]
IGF_HOST_DEVICE inline double js_term(const Cell& cell) {
  if (cell.p == 0.0) return 0.5 * kLn2 * cell.q;
  if (cell.q == 0.0) return 0.5 * kLn2 * cell.p;
  const double s = cell.contrast, half = 0.5 * (cell.p + cell.q);
  if (std::fabs(s) < 0.5) return 0.5 * half * (2.0 * s * std::atanh(s) + std::log1p(-s * s));
  return 0.5 * (cell.p * std::log(cell.p / half) + cell.q * std::log(cell.q / half));
}

// Amari: [a p + b q - p^a q^b]/(ab), a = (1 - alpha)/2, b = (1 + alpha)/2. Written for alpha <= 0
// as [kl - p b w^2 exp_excess(b w)]/a with w = ln(q/p), which is smooth through b = 0 (KL itself);
// alpha > 0 is the same with p and q exchanged.
IGF_HOST_DEVICE inline double alpha_term(Cell cell, double alpha) {
  if (alpha > 0.0) {
    cell = {cell.q, cell.p, -cell.difference, -cell.contrast};
    alpha = -alpha;
  }
  const double a = 0.5 * (1.0 - alpha), b = 0.5 * (1.0 + alpha);
  if (cell.p == 0.0) return cell.q / a;
  if (cell.q == 0.0) return b > 0.0 ? cell.p / b : HUGE_VAL;
  const double w = -log_ratio(cell);
  return (kl_term(cell) - cell.p * b * (w * w * exp_excess(b * w))) / a;
}

// w p ln(p/m) + (1 - w) q ln(q/m), m = w p + (1 - w) q, as two Kullback-Leibler terms.
IGF_HOST_DEVICE inline double js_weighted_term(const Cell& cell, double w) {
  const double rest = 1.0 - w, m = w * cell.p + rest * cell.q;
  if (m == 0.0) return 0.0;
  const double up = rest * cell.difference, down = -w * cell.difference;
  return w * kl_term({cell.p, m, up, up / (cell.p + m)}) +
         rest * kl_term({cell.q, m, down, down / (cell.q + m)});
}

// (p - q)^2
IGF_HOST_DEVICE inline double squared_euclidean_term(const Cell& cell) {
  return cell.difference * cell.difference;
}

// p/q - ln(p/q) - 1 = 2 [s^2/(1 - s) - (atanh(s) - s)]; infinite where just one of them is empty.
IGF_HOST_DEVICE inline double itakura_saito_term(const Cell& cell) {
  if (cell.p == 0.0 && cell.q == 0.0) return 0.0;
  if (cell.p == 0.0 || cell.q == 0.0) return HUGE_VAL;
  const double s = cell.contrast;
  if (std::fabs(s) < 0.5) return 2.0 * (s * s / (1.0 - s) - atanh_excess(s));
  return cell.difference / cell.q - log_ratio(cell);
}

// -p ln p, p = n/N
IGF_HOST_DEVICE inline double shannon_term(std::int64_t n, std::int64_t total) {
  if (n <= 0) return 0.0;
  const double N = static_cast<double>(total), p = static_cast<double>(n) / N;
  // Near p = 1 the logarithm is that of the small rest, which is exact as an integer.
  if (p > 0.5) return -p * std::log1p(-static_cast<double>(total - n) / N);
  return -p * std::log(p);
}

// Q0, the inverse of the largest Jensen-Shannon divergence from the uniform distribution over
// `bins` >= 2 bins (reached by a distribution on one bin).
IGF_HOST_DEVICE inline double complexity_scale(double bins) {
  const double up = bins + 1.0;
  return -2.0 / (up / bins * std::log(up) - 2.0 * std::log(2.0 * bins) + std::log(bins));
}

// From the sum of squared root differences to the angle 2 arccos(sum sqrt(pq)) on the sphere.
IGF_HOST_DEVICE inline double fisher_rao(double hellinger_squared) {
  return 4.0 * std::asin(0.5 * std::sqrt(hellinger_squared));
}

}  // namespace igfast

#endif
