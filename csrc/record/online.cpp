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
  if (splits < 4) {
    return;
  }
  const auto size = static_cast<std::size_t>(layers);
  for (const std::int64_t judge : {std::int64_t{0}, splits / 2}) {
    halves_.push_back({judge,
                       splits / 2 - judge,
                       room(),
                       std::vector<Segment>(size),
                       std::vector<Segment>(size),
                       std::vector<std::uint8_t>(size),
                       {},
                       {}});
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

void Online::start_layer(Half* half, std::int64_t layer) const {
  const std::int64_t cells = bins_ + 2;
  const std::int64_t size = splits_ * cells;
  std::copy_n(now_.splits.data() + layer * size, size, half->start.splits.data() + layer * size);
  std::copy_n(now_.pooled.data() + layer * cells, cells, half->start.pooled.data() + layer * cells);
  half->start.known[static_cast<std::size_t>(layer)] = now_.known[static_cast<std::size_t>(layer)];
}

void Online::begin(const std::int64_t* counts, const std::int64_t* outside, const double* lengths) {
  std::swap(now_, before_);
  for (std::int64_t layer = 0; layer < layers_; ++layer) {
    const auto at = static_cast<std::size_t>(layer);
    take(counts, outside, layer);
    for (Half& half : halves_) {
      Segment& segment = half.segments[at];
      start_layer(&half, layer);
      segment = {lengths == nullptr ? segment.length : lengths[layer], 0, 0, now_.known[at]};
      half.begun[at] = 0;
    }
  }
  for (Half& half : halves_) {
    half.before = half.segments;
  }
}

void Online::follow(const Step& step, double* cross, double* floor) {
  std::swap(now_, before_);
  const std::int64_t square = splits_ * splits_;
  std::vector<double> products(static_cast<std::size_t>(square));
  for (Half& half : halves_) {
    half.before = half.segments;
    half.replaced.clear();
    half.replaced_known.clear();
  }
  for (std::int64_t layer = 0; layer < layers_; ++layer) {
    const auto at = static_cast<std::size_t>(layer);
    const bool same = step.same == nullptr || step.same[layer] != 0;
    std::int64_t occupied = 0;
    take(step.counts, step.outside, layer);
    if (!before_.known[at] || !now_.known[at]) {
      std::fill(products.begin(), products.end(), kUnknown);
    } else if (same) {
      occupied = multiply_motion(splits_, bins_ + 2, Pairs::kAll, of_layer(before_, layer),
                                 of_layer(std::as_const(now_), layer), products.data());
    } else {
      std::copy_n(step.aligned + layer * square, square, products.data());
    }
    cross[layer] = floor[layer] = kUnknown;
    if (splits_ > 1) {
      cross[layer] =
          judge_motion(splits_, products.data(), occupied, 0, splits_, rule_.independent).shared;
      const double sum = std::accumulate(products.begin(), products.end(), 0.0);
      const double excess = sum / static_cast<double>(square) - cross[layer];
      floor[layer] = std::isnan(excess) ? kUnknown : std::sqrt(std::max(excess, 0.0));
    }
    for (Half& half : halves_) {
      follow_half(&half, layer, same, products.data());
    }
  }
}

void Online::follow_half(Half* half, std::int64_t layer, bool same, const double* neighbors) {
  const auto at = static_cast<std::size_t>(layer);
  const std::int64_t own = splits_ / 2;
  double products[kMostSplits * kMostSplits];
  Segment& segment = half->segments[at];
  const bool both = segment.known != 0 && now_.known[at] != 0;
  const auto add = [&segment] { segment.length += std::sqrt(std::max(segment.moved, 0.0)); };
  const std::int64_t occupied = multiply_motion(splits_, bins_ + 2, Pairs::kWithinHalves,
                                                of_layer(std::as_const(half->start), layer),
                                                of_layer(std::as_const(now_), layer), products);
  const double* matrix = products;
  if (!same) {  // a segment ends before the bins change, and takes one step over the change
    if (both && segment.judged > rule_.likely) {
      add();
    }
    matrix = neighbors;
  }
  const auto judged = [&](std::int64_t first) {
    return judge_motion(splits_, matrix, occupied, first, first + own, rule_.independent);
  };
  segment.judged = judged(half->judge).clearness;
  segment.moved = judged(half->measurer).shared;
  const bool ended = both && segment.judged > (same ? rule_.clear : rule_.likely);
  if (ended) {
    add();
  }
  half->begun[at] = ended || (both && !same) || segment.known != now_.known[at] ? 1 : 0;
  if (half->begun[at] != 0) {
    append_layer(half->start.splits, layer, splits_ * (bins_ + 2), &half->replaced);
    append_layer(half->start.pooled, layer, bins_ + 2, &half->replaced);
    half->replaced_known.push_back(half->start.known[at]);
    start_layer(half, layer);
    segment.judged = segment.moved = 0.0;
    segment.known = now_.known[at];
  }
}

void Online::undo() {
  std::swap(now_, before_);
  const std::int64_t cells = bins_ + 2;
  const std::int64_t size = splits_ * cells;
  for (Half& half : halves_) {
    half.segments = half.before;
    const float* shares = half.replaced.data();
    auto known = half.replaced_known.begin();
    for (std::int64_t layer = 0; layer < layers_ && known != half.replaced_known.end(); ++layer) {
      const auto at = static_cast<std::size_t>(layer);
      if (half.begun[at] != 0) {
        std::copy_n(shares, size, half.start.splits.data() + layer * size);
        std::copy_n(shares + size, cells, half.start.pooled.data() + layer * cells);
        shares += size + cells;
        half.start.known[at] = *known++;
      }
    }
    std::fill(half.begun.begin(), half.begun.end(), 0);
    half.replaced.clear();
    half.replaced_known.clear();
  }
}

void Online::read(double* length, double* entropy, double* complexity) const {
  for (std::int64_t layer = 0; layer < layers_; ++layer) {
    const auto at = static_cast<std::size_t>(layer);
    double sum = 0;
    for (const Half& half : halves_) {
      const Segment& segment = half.segments[at];
      const double begun = segment.judged > rule_.likely ? std::max(segment.moved, 0.0) : 0.0;
      sum += segment.length + std::sqrt(begun);
    }
    length[layer] = halves_.empty() || now_.known[at] == 0 ? kUnknown : sum / 2;
  }
  std::copy(entropies_.begin(), entropies_.end(), entropy);
  std::copy(complexities_.begin(), complexities_.end(), complexity);
}

}  // namespace igfast::record
