#include "record/blocks.h"

#include <algorithm>
#include <cstddef>
#include <utility>

namespace igfast::record {
namespace {

constexpr std::size_t kIdleWords = std::size_t{1} << 19;  // 4 MiB: what a Monitor's writer holds

}  // namespace

Blocks::Blocks(std::int64_t words)
    : words_(static_cast<std::size_t>(std::max<std::int64_t>(words, 1))),
      most_(std::max<std::size_t>(2, kIdleWords / words_)) {
  idle_.reserve(most_);
}

Words Blocks::take() {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (!idle_.empty()) {
      Words found = std::move(idle_.back());
      idle_.pop_back();
      return found;
    }
  }
  return Words(new std::int64_t[words_]);
}

void Blocks::give(Words words) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (idle_.size() < most_) {
    idle_.push_back(std::move(words));
  }
}

}  // namespace igfast::record
