#include "record/online.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "measures.h"

namespace igfast::record {
namespace {

constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();

Shares of_layer(const std::vector<double>& splits, const std::vector<double>& pooled,
                std::int64_t layer, std::int64_t groups, std::int64_t cells) {
  return {splits.data() + layer * groups * cells, pooled.data() + layer * cells};
}

void append_layer(const std::vector<double>& shares, std::int64_t layer, std::int64_t size,
                  std::vector<double>* to) {
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
      counts_(static_cast<std::size_t>(layers * bins)) {
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
  return {std::vector<double>(cells * static_cast<std::size_t>(splits_)),
          std::vector<double>(cells), std::vector<std::uint8_t>(static_cast<std::size_t>(layers_))};
}

void Online::take(const std::int64_t* counts, const std::int64_t* outside) {
  std::swap(now_, before_);
  take_shares(layers_, splits_, bins_, counts, outside, now_.splits.data(), now_.pooled.data(),
              now_.known.data());
  for (std::int64_t layer = 0; layer < layers_; ++layer) {
    std::int64_t* sums = counts_.data() + layer * bins_;
    const std::int64_t* row = counts + layer * splits_ * bins_;
    std::copy_n(row, bins_, sums);
    for (std::int64_t split = 1; split < splits_; ++split) {
      for (std::int64_t bin = 0; bin < bins_; ++bin) {
        sums[bin] += row[split * bins_ + bin];
      }
    }
  }
}

void Online::start_layer(Half* half, std::int64_t layer) const {
  const std::int64_t cells = bins_ + 2;
  const std::int64_t size = splits_ * cells;
  std::copy_n(now_.splits.data() + layer * size, size, half->start.splits.data() + layer * size);
  std::copy_n(now_.pooled.data() + layer * cells, cells, half->start.pooled.data() + layer * cells);
  half->start.known[static_cast<std::size_t>(layer)] = now_.known[static_cast<std::size_t>(layer)];
}

void Online::begin(const std::int64_t* counts, const std::int64_t* outside, const double* lengths) {
  take(counts, outside);
  for (Half& half : halves_) {
    for (std::int64_t layer = 0; layer < layers_; ++layer) {
      const auto at = static_cast<std::size_t>(layer);
      Segment& segment = half.segments[at];
      start_layer(&half, layer);
      segment = {lengths == nullptr ? segment.length : lengths[layer], 0, 0, now_.known[at]};
      half.begun[at] = 0;
    }
    half.before = half.segments;
  }
}

void Online::follow(const Step& step, double* cross, double* floor) {
  take(step.counts, step.outside);
  const std::int64_t square = splits_ * splits_;
  std::vector<double> products(static_cast<std::size_t>(layers_ * square), kUnknown);
  std::int64_t occupied = 0;
  for (std::int64_t layer = 0; layer < layers_; ++layer) {
    const auto at = static_cast<std::size_t>(layer);
    double* matrix = products.data() + layer * square;
    if (!before_.known[at] || !now_.known[at]) {
      // nothing is known
    } else if (step.same == nullptr || step.same[layer] != 0) {
      multiply_motion(1, splits_, bins_ + 2,
                      of_layer(before_.splits, before_.pooled, layer, splits_, bins_ + 2),
                      of_layer(now_.splits, now_.pooled, layer, splits_, bins_ + 2), matrix,
                      &occupied);
    } else {
      std::copy_n(step.aligned + layer * square, square, matrix);
    }
    cross[layer] = floor[layer] = kUnknown;
    if (splits_ > 1) {
      double clearness = 0;
      judge_motion(1, splits_, matrix, &occupied, 0, splits_, rule_.independent, cross + layer,
                   &clearness);
      double sum = 0;
      for (std::int64_t i = 0; i < square; ++i) {
        sum += matrix[i];
      }
      const double excess = sum / static_cast<double>(square) - cross[layer];
      floor[layer] = std::isnan(excess) ? kUnknown : std::sqrt(std::max(excess, 0.0));
    }
  }
  for (Half& half : halves_) {
    follow_half(&half, step, products);
  }
}

void Online::follow_half(Half* half, const Step& step, const std::vector<double>& neighbors) {
  const std::int64_t square = splits_ * splits_;
  const std::int64_t own = splits_ / 2;
  std::vector<double> products(static_cast<std::size_t>(square));
  half->before = half->segments;
  half->replaced.clear();
  half->replaced_known.clear();
  for (std::int64_t layer = 0; layer < layers_; ++layer) {
    const auto at = static_cast<std::size_t>(layer);
    Segment& segment = half->segments[at];
    const bool both = segment.known != 0 && now_.known[at] != 0;
    const bool same = step.same == nullptr || step.same[layer] != 0;
    const auto add = [&segment] { segment.length += std::sqrt(std::max(segment.moved, 0.0)); };
    std::int64_t occupied = 0;
    multiply_motion(1, splits_, bins_ + 2,
                    of_layer(half->start.splits, half->start.pooled, layer, splits_, bins_ + 2),
                    of_layer(now_.splits, now_.pooled, layer, splits_, bins_ + 2), products.data(),
                    &occupied);
    const double* matrix = products.data();
    if (!same) {  // a segment ends before the bins change, and takes one step over the change
      if (both && segment.judged > rule_.likely) {
        add();
      }
      matrix = neighbors.data() + layer * square;
    }
    double ignored = 0;
    judge_motion(1, splits_, matrix, &occupied, half->judge, half->judge + own, rule_.independent,
                 &ignored, &segment.judged);
    judge_motion(1, splits_, matrix, &occupied, half->measurer, half->measurer + own,
                 rule_.independent, &segment.moved, &ignored);
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
}

void Online::undo() {
  std::swap(now_, before_);
  const std::int64_t cells = bins_ + 2;
  const std::int64_t size = splits_ * cells;
  for (Half& half : halves_) {
    half.segments = half.before;
    const double* shares = half.replaced.data();
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
  const auto bins = static_cast<double>(bins_);
  const double scale = bins_ > 1 ? complexity_scale(bins) : kUnknown;
  for (std::int64_t layer = 0; layer < layers_; ++layer) {
    const Entropies found = entropies(counts_.data() + layer * bins_, bins_);
    const double divergence = found.mixed - (found.own + std::log(bins)) / 2;
    entropy[layer] = found.own / std::log(bins);
    complexity[layer] = entropy[layer] * scale * std::max(divergence, 0.0);
  }
}

}  // namespace igfast::record
