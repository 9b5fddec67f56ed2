#include "record/health.h"

#include <algorithm>
#include <cmath>
#include <cstddef>

namespace igfast::record {

Health::Health(HealthRule rule, std::vector<std::uint8_t> free)
    : rule_(rule),
      past_(free.size()),
      recent_(free.size() * static_cast<std::size_t>(rule.window)) {
  for (std::size_t layer = 0; layer < free.size(); ++layer) {
    past_[layer].free = free[layer];
  }
}

std::vector<Condition> Health::examine(const std::int64_t* integers, const double* floats,
                                       std::int64_t width) {
  std::vector<Condition> found;
  std::vector<Condition> infinite, still, zero;
  for (std::int64_t layer = 0; layer < layers(); ++layer) {
    Past& past = past_[static_cast<std::size_t>(layer)];
    const std::int64_t* counted = integers + 4 * layer;
    const double* summed = floats + width * layer;
    const std::int64_t count = counted[0];
    if (counted[1] > 0) {
      found.push_back({Ill::kNan, layer, static_cast<double>(counted[1])});
    }
    if (counted[2] > 0) {
      infinite.push_back({Ill::kInf, layer, static_cast<double>(counted[2])});
    }
    past.zero = count > 0 && counted[3] == count ? past.zero + 1 : 0;
    if (rule_.parameters) {
      const bool same = records_ > 0 && count > 0 &&
                        std::equal(counted, counted + 4, past.integers) &&
                        std::equal(summed, summed + 4, past.floats);
      past.same = same ? past.same + 1 : 1;
      past.zero = past.free != 0 ? past.zero : 0;
      std::copy_n(counted, 4, past.integers);
      std::copy_n(summed, 4, past.floats);
      if (past.same >= rule_.patience && past.zero == 0 && past.free != 0) {
        still.push_back({Ill::kUnchanging, layer, static_cast<double>(past.same)});
      }
    }
    if (past.zero >= rule_.patience) {
      zero.push_back({Ill::kZero, layer, static_cast<double>(past.zero)});
    }
  }
  for (const std::vector<Condition>& more : {infinite, still, zero}) {
    found.insert(found.end(), more.begin(), more.end());
  }
  if (std::isfinite(rule_.growth)) {
    grow(integers, floats, width, &found);
  }
  ++records_;
  return found;
}

void Health::grow(const std::int64_t* integers, const double* floats, std::int64_t width,
                  std::vector<Condition>* found) {
  double squares = 0;
  double elements = 0;
  for (std::int64_t layer = 0; layer < layers(); ++layer) {
    squares += floats[width * layer + 3];
    elements += static_cast<double>(integers[4 * layer]);
  }
  const double whole = std::sqrt(squares / elements);  // NaN without elements
  const std::int64_t known = std::min(records_, rule_.window);
  for (std::int64_t layer = 0; layer < layers(); ++layer) {
    Past& past = past_[static_cast<std::size_t>(layer)];
    const std::int64_t count = integers[4 * layer];
    const double size = std::sqrt(floats[width * layer + 3] / static_cast<double>(count));
    if (!(past.began > 0) && count > 0 && std::isfinite(size) && whole > 0) {
      past.began = std::max(size, whole);
    }
    const double ratio = past.began > 0 ? size / past.began : std::nan("");
    double* of_layer = recent_.data() + layer * rule_.window;
    double least = std::nan("");
    for (std::int64_t record = 0; record < known; ++record) {
      least = std::fmin(least, of_layer[record]);
    }
    of_layer[records_ % rule_.window] = size;
    const bool doubled = known > 0 && !(size <= 2 * least);
    // once it explodes, it does until it is small again
    past.exploding = ratio > rule_.growth && (doubled || past.exploding != 0) ? 1 : 0;
    if (past.exploding != 0) {
      found->push_back({Ill::kExploding, layer, ratio});
    }
  }
}

}  // namespace igfast::record
