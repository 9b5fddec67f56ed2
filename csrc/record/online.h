// Measures of records as they come in: how far the splits moved, and a running length.
#ifndef IGFAST_RECORD_ONLINE_H
#define IGFAST_RECORD_ONLINE_H

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "record/motion.h"

namespace igfast::record {

// Standard errors of motion.
struct Rule {
  double clear;        // above which it ends a segment
  double likely;       // above which it counts where a segment ends for another reason
  double independent;  // share of the occupied cells, in the error of a product
};

// A record beside the one before. Rows of layers whose bins are others than then hold products of
// the two on bins in common, which the caller found.
struct Step {
  const std::int64_t* counts;   // (L, G, B)
  const std::int64_t* outside;  // (L, G, 2)
  const std::uint8_t* same;     // (L,) whether bins are the same; null: all
  const double* aligned;        // (L, G, G), read where they are not
};

// The state that `igfast.analysis.online` describes, of 1, 2, 4 or 8 splits: the record before, and
// the record at which a layer's segment began. Layers are followed one by one, so that each is read
// once.
class Online {
 public:
  Online(std::int64_t layers, std::int64_t splits, std::int64_t bins, Rule rule);

  // A record without one before, or one that must not be compared with it. `lengths` (L) are those
  // so far, null to keep them.
  void begin(const std::int64_t* counts, const std::int64_t* outside, const double* lengths);

  // `cross` and `floor` (L,): shared and noisy motion since the record before, the first squared.
  void follow(const Step& step, double* cross, double* floor);

  // Takes the last record back, once.
  void undo();

  // (L,) running lengths, NaN where they are not known; entropies and complexities.
  void read(double* length, double* entropy, double* complexity) const;

  std::int64_t layers() const { return layers_; }
  std::int64_t splits() const { return splits_; }
  std::int64_t bins() const { return bins_; }

 private:
  struct Record {
    std::vector<float> splits, pooled;  // (L, G, C) and (L, C) shares
    std::vector<std::uint8_t> known;
  };

  // Of a layer: the path behind, and what moved since its segment began.
  struct Segment {
    double length = 0;
    double clearness = 0;  // standard errors
    double moved = 0;      // squared
    std::uint8_t known = 0;
  };

  void follow_segment(std::int64_t layer, bool same, const double* neighbors);
  void end_segment(std::int64_t layer);  // what is likely to have moved counts
  void start_segment(std::int64_t layer);
  Record room() const;
  Shares<float> of_layer(Record* record, std::int64_t layer) const;
  Shares<const float> of_layer(const Record& record, std::int64_t layer) const;
  void take(const std::int64_t* counts, const std::int64_t* outside, std::int64_t layer);

  std::int64_t layers_, splits_, bins_;
  Rule rule_;
  Record now_, before_;
  std::vector<double> entropies_, complexities_;  // (L,) now
  std::vector<std::int64_t> joined_;              // (C,) of the layer at hand, all splits
  Record start_;  // of segments; of one split nothing is told, and these are empty
  std::vector<Segment> segments_, before_segments_;
  std::vector<std::uint8_t> begun_;  // at the last record
  std::vector<float> replaced_;      // shares at the starts of those, one layer behind the other
  std::vector<std::uint8_t> replaced_known_;
};

}  // namespace igfast::record

#endif
