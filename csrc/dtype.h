// Storage types and the one dtype switch. Every storage type widens exactly: float64 stays double,
// all others become float (binary32 holds every half, bfloat16 and 8-bit value, subnormals
// included).
#ifndef IGFAST_DTYPE_H
#define IGFAST_DTYPE_H

#include <cstdint>
#include <cstring>
#include <limits>
#include <stdexcept>
#include <string>

#include "host_device.h"

namespace igfast {

// Tags are part of the interface: the row layout of igf_tensor and _core.DTYPES carry them.
enum class Dtype : std::int64_t {
  kFloat64 = 0,
  kFloat32 = 1,
  kFloat16 = 2,
  kBFloat16 = 3,
  kFloat8E4M3FN = 4,
  kFloat8E5M2 = 5,
};

struct DtypeName {
  const char* name;
  Dtype tag;
};

constexpr DtypeName kDtypes[] = {
    {"float64", Dtype::kFloat64},
    {"float32", Dtype::kFloat32},
    {"float16", Dtype::kFloat16},
    {"bfloat16", Dtype::kBFloat16},
    {"float8_e4m3fn", Dtype::kFloat8E4M3FN},
    {"float8_e5m2", Dtype::kFloat8E5M2},
};

struct Float16 {
  std::uint16_t bits;
};
struct BFloat16 {
  std::uint16_t bits;
};
struct Float8E4M3FN {
  std::uint8_t bits;
};
struct Float8E5M2 {
  std::uint8_t bits;
};

IGF_HOST_DEVICE inline float float_from_bits(std::uint32_t bits) {
  float value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

IGF_HOST_DEVICE inline std::uint32_t bits_from_float(float value) {
  std::uint32_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  return bits;
}

IGF_HOST_DEVICE inline std::uint64_t bits_from_double(double value) {
  std::uint64_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  return bits;
}

IGF_HOST_DEVICE inline double widen(double value) { return value; }
IGF_HOST_DEVICE inline float widen(float value) { return value; }

IGF_HOST_DEVICE inline float widen(BFloat16 value) {
  return float_from_bits(static_cast<std::uint32_t>(value.bits) << 16);
}

IGF_HOST_DEVICE inline float widen(Float16 value) {
  const std::uint32_t sign = static_cast<std::uint32_t>(value.bits & 0x8000u) << 16;
  const std::uint32_t exponent = (value.bits >> 10) & 31u;
  const std::uint32_t mantissa = value.bits & 1023u;
  if (exponent == 0) {  // zero and subnormals: mantissa * 2^-24 is a normal float
    const float magnitude = static_cast<float>(mantissa) * 0x1p-24f;
    return float_from_bits(bits_from_float(magnitude) | sign);
  }
  const std::uint32_t wide = exponent == 31 ? 255u : exponent + 112u;
  return float_from_bits(sign | (wide << 23) | (mantissa << 13));
}

// Four exponent bits, bias 7, no infinity: all ones is NaN, the largest value is 448.
IGF_HOST_DEVICE inline float widen(Float8E4M3FN value) {
  const std::uint32_t sign = static_cast<std::uint32_t>(value.bits & 0x80u) << 24;
  const std::uint32_t exponent = (value.bits >> 3) & 15u;
  const std::uint32_t mantissa = value.bits & 7u;
  if (exponent == 15 && mantissa == 7) {
    return float_from_bits(sign | 0x7fc00000u);
  }
  if (exponent == 0) {
    const float magnitude = static_cast<float>(mantissa) * 0x1p-9f;
    return float_from_bits(bits_from_float(magnitude) | sign);
  }
  return float_from_bits(sign | ((exponent + 120u) << 23) | (mantissa << 20));
}

// The upper byte of a half.
IGF_HOST_DEVICE inline float widen(Float8E5M2 value) {
  return widen(Float16{static_cast<std::uint16_t>(value.bits << 8)});
}

template <class T>
struct WidenedType {
  using type = float;
};
template <>
struct WidenedType<double> {
  using type = double;
};
template <class T>
using Widened = typename WidenedType<T>::type;

template <class T>
struct TypeTag {
  using type = T;
};

// Of the largest magnitude that is no NaN.
constexpr int largest_bits(TypeTag<Float16>) { return 0x7c00; }
constexpr int largest_bits(TypeTag<BFloat16>) { return 0x7f80; }
constexpr int largest_bits(TypeTag<Float8E4M3FN>) { return 0x7e; }
constexpr int largest_bits(TypeTag<Float8E5M2>) { return 0x7c; }

inline double quiet_nan(TypeTag<double>) { return std::numeric_limits<double>::quiet_NaN(); }
inline float quiet_nan(TypeTag<float>) { return std::numeric_limits<float>::quiet_NaN(); }
inline Float16 quiet_nan(TypeTag<Float16>) { return {0x7e00}; }
inline BFloat16 quiet_nan(TypeTag<BFloat16>) { return {0x7fc0}; }
inline Float8E4M3FN quiet_nan(TypeTag<Float8E4M3FN>) { return {0x7f}; }
inline Float8E5M2 quiet_nan(TypeTag<Float8E5M2>) { return {0x7e}; }

// The only place that turns a tag into a type: calls f(TypeTag<T>{}).
template <class F>
auto dispatch_dtype(const char* operation, std::int64_t tag, F&& f) {
  switch (static_cast<Dtype>(tag)) {
    case Dtype::kFloat64: return f(TypeTag<double>{});
    case Dtype::kFloat32: return f(TypeTag<float>{});
    case Dtype::kFloat16: return f(TypeTag<Float16>{});
    case Dtype::kBFloat16: return f(TypeTag<BFloat16>{});
    case Dtype::kFloat8E4M3FN: return f(TypeTag<Float8E4M3FN>{});
    case Dtype::kFloat8E5M2: return f(TypeTag<Float8E5M2>{});
  }
  std::string known;
  for (const DtypeName& dtype : kDtypes) {
    known += (known.empty() ? "" : ", ") + std::string(dtype.name);
  }
  throw std::invalid_argument(std::string(operation) + ": unsupported dtype tag " +
                              std::to_string(tag) + "; supported: " + known);
}

}  // namespace igfast

#endif
