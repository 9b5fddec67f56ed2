// The numbers of layers at a record: moments from the kernels' sums, how far they moved, as bytes.
#ifndef IGFAST_RECORD_NUMBERS_H
#define IGFAST_RECORD_NUMBERS_H

#include <cstdint>

namespace igfast::record {

// What `igfast.Moments` has, in its order: first integers, then floats.
constexpr std::int64_t kMomentIntegers = 4;
constexpr std::int64_t kMomentFloats = 9;
constexpr std::int64_t kSums = 8;

// (L, 4) and (L, 8) sums: (9, L) min, max, sum, sum of squares, mean, variance, skewness, excess
// kurtosis, norm.
void take_moments(std::int64_t layers, const std::int64_t* integers, const double* sums,
                  double* floats);

// Mean over layers of sqrt(dm^2 + 2 ds^2) / s between two (9, L) floats, each at most `most`: 0
// where no layer has both.
double distance(std::int64_t layers, const double* before, const double* now, double most);

// Byte planes of (4, L) integers, (9, L) floats and (2, L) bins, each null or there: of every field
// all first bytes of its layers, then all second ones. Mean and norm are written as the exclusive
// or with what follows from the sums. Returns the end of the planes.
std::uint8_t* to_planes(std::int64_t layers, const std::int64_t* integers, const double* floats,
                        const std::int64_t* bins, std::uint8_t* planes);

// Offsets, counted in 256ths of a bin, as integers; false where one is no multiple of that.
bool to_units(std::int64_t size, const double* offsets, std::int64_t* units);

}  // namespace igfast::record

#endif
