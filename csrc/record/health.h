// What is wrong with layers, told from one record after the other: `igfast.health` says what is.
#ifndef IGFAST_RECORD_HEALTH_H
#define IGFAST_RECORD_HEALTH_H

#include <cstdint>
#include <vector>

namespace igfast::record {

// As `igfast.health` numbers them, in the order in which they are reported.
enum class Ill : std::int64_t { kNan, kInf, kUnchanging, kZero, kExploding };

struct Condition {
  Ill kind;
  std::int64_t layer;
  double value;
};

struct HealthRule {
  std::int64_t patience;  // records
  double growth;          // infinite where a quantity may grow
  std::int64_t window;    // records
  bool parameters;        // which should change, and are zero or still where they are frozen
};

// Of one quantity.
class Health {
 public:
  // `free` (L): 0 where a layer is frozen.
  Health(HealthRule rule, std::vector<std::uint8_t> free);

  // (L, 4) count, nan, inf, zeros and (L, `width`) min, max, sum, sum of squares, ...; what holds.
  std::vector<Condition> examine(const std::int64_t* integers, const double* floats,
                                 std::int64_t width);

  std::int64_t layers() const { return static_cast<std::int64_t>(past_.size()); }

 private:
  struct Past {
    std::int64_t integers[4];
    double floats[4];
    std::int64_t zero = 0, same = 0;  // records in a row
    double began = 0;                 // root mean square
    std::uint8_t free = 1, exploding = 0;
  };

  void grow(const std::int64_t* integers, const double* floats, std::int64_t width,
            std::vector<Condition>* found);

  HealthRule rule_;
  std::vector<Past> past_;
  std::vector<double> recent_;  // (L, W) root mean squares of the last records, in a ring
  std::int64_t records_ = 0;
};

}  // namespace igfast::record

#endif
