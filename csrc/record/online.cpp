#include "record/online.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <utility>

#include "measures.h"

namespace igfast::record {
namespace {

constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();

void append_layer(const std::vector<float>& shares, std::int64_t layer, std::int64_t size,
                  std::vector<float>* to) {
  const auto first = shares.begin() + layer * size;
  to->insert(to->end(), first, first + size);
}

struct Entropies {
  double own;    // in nats
  double mixed;  // of its mean with the uniform distribution
};

// Two logarithms a bin, where the measures of igfast.measures take more for their last digits.
Entropies entropies(const std::int64_t* counts, std::int64_t bins) {
  std::int64_t total = 0;
  for (std::int64_t bin = 0; bin < bins; ++bin) {
    total += counts[bin];
  }
  if (total == 0) {
    return {kUnknown, kUnknown};
  }
  const double uniform = 0.5 / static_cast<double>(bins);
  const double of_empty = -uniform * std::log(uniform);
  const double scale = 1.0 / static_cast<double>(total);
  Entropies found{0, 0};
  for (std::int64_t bin = 0; bin < bins; ++bin) {
    if (counts[bin] == 0) {
      found.mixed += of_empty;
      continue;
    }
    const double p = static_cast<double>(counts[bin]) * scale;
    const double mean = 0.5 * p + uniform;
    found.own -= p * std::log(p);
    found.mixed -= mean * std::log(mean);
  }
  return found;
}

}  // namespace

Online::Online(std::int64_t layers, std::int64_t splits, std::int64_t bins, Rule rule)
    : layers_(layers),
      splits_(splits),
      bins_(bins),
      rule_(rule),
      now_(room()),
      before_(room()),
      entropies_(static_cast<std::size_t>(layers)),
      complexities_(static_cast<std::size_t>(layers)),
      joined_(static_cast<std::size_t>(bins + 2)) {
  if (splits > 1) {
    const auto size = static_cast<std::size_t>(layers);
    start_ = room();
    segments_ = before_segments_ = std::vector<Segment>(size);
    begun_ = std::vector<std::uint8_t>(size);
  }
}

Online::Record Online::room() const {
  const auto cells = static_cast<std::size_t>(layers_ * (bins_ + 2));
  return {std::vector<float>(cells * static_cast<std::size_t>(splits_)), std::vector<float>(cells),
          std::vector<std::uint8_t>(static_cast<std::size_t>(layers_))};
}

Shares<float> Online::of_layer(Record* record, std::int64_t layer) const {
  const std::int64_t cells = bins_ + 2;
  return {record->splits.data() + layer * splits_ * cells, record->pooled.data() + layer * cells};
}

Shares<const float> Online::of_layer(const Record& record, std::int64_t layer) const {
  const std::int64_t cells = bins_ + 2;
  return {record.splits.data() + layer * splits_ * cells, record.pooled.data() + layer * cells};
}

void Online::take(const std::int64_t* counts, const std::int64_t* outside, std::int64_t layer) {
  const auto at = static_cast<std::size_t>(layer);
  now_.known[at] =
      take_shares(splits_, bins_, counts + layer * splits_ * bins_, outside + layer * splits_ * 2,
                  of_layer(&now_, layer), joined_.data())
          ? 1
          : 0;
  const auto bins = static_cast<double>(bins_);
  const Entropies found = entropies(joined_.data() + 1, bins_);
  const double divergence = found.mixed - (found.own + std::log(bins)) / 2;
  const double scale = bins_ > 1 ? complexity_scale(bins) : kUnknown;
  entropies_[at] = found.own / std::log(bins);
  complexities_[at] = entropies_[at] * scale * std::max(divergence, 0.0);
}

void Online::end_segment(std::int64_t layer) {
  Segment& segment = segments_[static_cast<std::size_t>(layer)];
  if (segment.clearness > rule_.likely) {
    segment.length += std::sqrt(std::max(segment.moved, 0.0));
  }
}

void Online::start_segment(std::int64_t layer) {
  const std::int64_t cells = bins_ + 2;
  const std::int64_t size = splits_ * cells;
  const auto at = static_cast<std::size_t>(layer);
  append_layer(start_.splits, layer, size, &replaced_);
  append_layer(start_.pooled, layer, cells, &replaced_);
  replaced_known_.push_back(start_.known[at]);
  begun_[at] = 1;
  std::copy_n(now_.splits.data() + layer * size, size, start_.splits.data() + layer * size);
  std::copy_n(now_.pooled.data() + layer * cells, cells, start_.pooled.data() + layer * cells);
  start_.known[at] = now_.known[at];
  segments_[at] = {segments_[at].length, 0, 0, now_.known[at]};
}

void Online::begin(const std::int64_t* counts, const std::int64_t* outside, const double* lengths) {
  std::swap(now_, before_);
  before_segments_ = segments_;
  replaced_.clear();
  replaced_known_.clear();
  for (std::int64_t layer = 0; layer < layers_; ++layer) {
    const auto at = static_cast<std::size_t>(layer);
    take(counts, outside, layer);
    if (splits_ > 1) {
      end_segment(layer);
      if (lengths != nullptr) {
        segments_[at].length = lengths[layer];
      }
      start_segment(layer);
    }
  }
}

void Online::follow(const Step& step, double* cross, double* floor) {
  std::swap(now_, before_);
  const std::int64_t square = splits_ * splits_;
  std::vector<double> products(static_cast<std::size_t>(square));
  before_segments_ = segments_;
  replaced_.clear();
  replaced_known_.clear();
  for (std::int64_t layer = 0; layer < layers_; ++layer) {
    const auto at = static_cast<std::size_t>(layer);
    const bool same = step.same == nullptr || step.same[layer] != 0;
    take(step.counts, step.outside, layer);
    cross[layer] = floor[layer] = kUnknown;
    if (splits_ < 2) {
      continue;
    }
    if (!before_.known[at] || !now_.known[at]) {
      std::fill(products.begin(), products.end(), kUnknown);
    } else if (same) {
      multiply_motion(splits_, bins_ + 2, of_layer(std::as_const(before_), layer),
                      of_layer(std::as_const(now_), layer), products.data());
    } else {
      std::copy_n(step.aligned + layer * square, square, products.data());
    }
    cross[layer] = judge_motion(splits_, products.data(), 1, rule_.independent).shared;
    const double sum = std::accumulate(products.begin(), products.end(), 0.0);
    const double excess = sum / static_cast<double>(square) - cross[layer];
    floor[layer] = std::isnan(excess) ? kUnknown : std::sqrt(std::max(excess, 0.0));
    follow_segment(layer, same, products.data());
  }
}

void Online::follow_segment(std::int64_t layer, bool same, const double* neighbors) {
  const auto at = static_cast<std::size_t>(layer);
  double products[kMostSplits * kMostSplits];
  Segment& segment = segments_[at];
  const bool both = segment.known != 0 && now_.known[at] != 0;
  const std::int64_t occupied =
      multiply_motion(splits_, bins_ + 2, of_layer(std::as_const(start_), layer),
                      of_layer(std::as_const(now_), layer), products);
  if (!same || !both) {
    end_segment(layer);  // before the bins change, over which it takes one step, or elements go
  }
  const Judged judged =
      judge_motion(splits_, same ? products : neighbors, occupied, rule_.independent);
  segment.clearness = both ? judged.clearness : 0.0;
  segment.moved = judged.shared;
  const bool ended = segment.clearness > (same ? rule_.clear : rule_.likely);
  begun_[at] = 0;
  if (ended || (both && !same) || segment.known != now_.known[at]) {
    end_segment(layer);
    start_segment(layer);
  }
}

void Online::undo() {
  std::swap(now_, before_);
  const std::int64_t cells = bins_ + 2;
  const std::int64_t size = splits_ * cells;
  segments_ = before_segments_;
  const float* shares = replaced_.data();
  auto known = replaced_known_.begin();
  for (std::int64_t layer = 0; layer < layers_ && known != replaced_known_.end(); ++layer) {
    const auto at = static_cast<std::size_t>(layer);
    if (begun_[at] != 0) {
      std::copy_n(shares, size, start_.splits.data() + layer * size);
      std::copy_n(shares + size, cells, start_.pooled.data() + layer * cells);
      shares += size + cells;
      start_.known[at] = *known++;
    }
  }
  std::fill(begun_.begin(), begun_.end(), 0);
  replaced_.clear();
  replaced_known_.clear();
}

void Online::read(double* length, double* entropy, double* complexity) const {
  for (std::int64_t layer = 0; layer < layers_; ++layer) {
    const auto at = static_cast<std::size_t>(layer);
    length[layer] = kUnknown;
    if (splits_ > 1 && now_.known[at] != 0) {
      const Segment& segment = segments_[at];
      const double begun = segment.clearness > rule_.likely ? std::max(segment.moved, 0.0) : 0.0;
      length[layer] = segment.length + std::sqrt(begun);
    }
  }
  std::copy(entropies_.begin(), entropies_.end(), entropy);
  std::copy(complexities_.begin(), complexities_.end(), complexity);
}

}  // namespace igfast::record
