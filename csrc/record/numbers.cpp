#include "record/numbers.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

namespace igfast::record {
namespace {

constexpr std::int64_t kCount = 0;  // of the integers
enum Float { kMin, kMax, kSum, kSquares, kMean, kVariance, kSkewness, kKurtosis, kNorm };

std::uint64_t bits_of(double value) {
  std::uint64_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  return bits;
}

std::uint8_t* put_planes(std::int64_t layers, const std::uint64_t* words, std::uint8_t* planes) {
  for (int shift = 0; shift < 64; shift += 8) {
    for (std::int64_t layer = 0; layer < layers; ++layer) {
      *planes++ = static_cast<std::uint8_t>(words[layer] >> shift);
    }
  }
  return planes;
}

}  // namespace

void take_moments(std::int64_t layers, const std::int64_t* integers, const double* sums,
                  double* floats) {
  constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
  for (std::int64_t layer = 0; layer < layers; ++layer) {
    const std::int64_t elements = integers[kMomentIntegers * layer + kCount];
    const auto count = static_cast<double>(elements);
    const double* sum = sums + kSums * layer;
    const auto put = [&](Float field, double value) { floats[field * layers + layer] = value; };
    const bool empty = elements == 0;
    const double variance = sum[5] / count;  // NaN of an empty layer, as what follows from it
    put(kMin, empty ? kNone : sum[0]);
    put(kMax, empty ? kNone : sum[1]);
    put(kSum, sum[2]);
    put(kSquares, sum[3]);
    put(kMean, empty ? kNone : sum[4]);
    put(kVariance, variance);
    put(kSkewness, sum[6] / count / std::pow(variance, 1.5));
    put(kKurtosis, sum[7] / count / (variance * variance) - 3.0);
    put(kNorm, std::sqrt(sum[3]));
  }
}

double distance(std::int64_t layers, const double* before, const double* now, double most) {
  double sum = 0;
  std::int64_t known = 0;
  for (std::int64_t layer = 0; layer < layers; ++layer) {
    const auto of = [&](const double* record, Float field) {
      return record[field * layers + layer];
    };
    const double first = std::sqrt(of(before, kVariance));
    const double second = std::sqrt(of(now, kVariance));
    const double shift = of(now, kMean) - of(before, kMean);
    const double change = second - first;
    const double moved = shift * shift + 2 * (change * change);
    const double widest = std::max(first, second);
    if (std::isfinite(moved) && widest > 0) {
      sum += std::min(std::sqrt(moved) / widest, most);
      ++known;
    }
  }
  return known == 0 ? 0.0 : sum / static_cast<double>(known);
}

std::uint8_t* to_planes(std::int64_t layers, const std::int64_t* integers, const double* floats,
                        const std::int64_t* bins, std::uint8_t* planes) {
  std::vector<std::uint64_t> words(static_cast<std::size_t>(layers));
  const auto put = [&](const auto* row) {
    std::memcpy(words.data(), row, words.size() * sizeof(std::uint64_t));
    planes = put_planes(layers, words.data(), planes);
  };
  if (integers != nullptr) {
    for (std::int64_t field = 0; field < kMomentIntegers; ++field) {
      put(integers + field * layers);
    }
    for (std::int64_t field = 0; field < kMomentFloats; ++field) {
      if (field != kMean && field != kNorm) {
        put(floats + field * layers);
        continue;
      }
      for (std::int64_t layer = 0; layer < layers; ++layer) {
        const auto of = [&](Float other) { return floats[other * layers + layer]; };
        const double guess = field == kMean
                                 ? of(kSum) / static_cast<double>(integers[kCount * layers + layer])
                                 : std::sqrt(of(kSquares));
        words[static_cast<std::size_t>(layer)] =
            bits_of(floats[field * layers + layer]) ^ bits_of(guess);
      }
      planes = put_planes(layers, words.data(), planes);
    }
  }
  if (bins != nullptr) {
    put(bins);
    put(bins + layers);
  }
  return planes;
}

bool to_units(std::int64_t size, const double* offsets, std::int64_t* units) {
  constexpr double kLargest = 9007199254740992.0;  // 2^53, from which on doubles are coarser
  bool exact = true;
  for (std::int64_t i = 0; i < size; ++i) {
    const double scaled = offsets[i] * 256.0;
    const bool fits = scaled >= -kLargest && scaled <= kLargest;  // not NaN
    units[i] = fits ? static_cast<std::int64_t>(scaled) : 0;
    exact = exact && fits && static_cast<double>(units[i]) == scaled;
  }
  return exact;
}

}  // namespace igfast::record
