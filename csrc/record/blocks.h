// Memory of counted records, used again once nobody wants a record any more: new memory for every
// one would cost page faults, and lie scattered among a training's own.
#ifndef IGFAST_RECORD_BLOCKS_H
#define IGFAST_RECORD_BLOCKS_H

#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

namespace igfast::record {

// Where the outputs of L layers lie in a block of 64-bit words. `igfast/outputs.py` has the same
// order.
struct Places {
  std::int64_t layers, splits, bins;
  bool with_offsets;

  std::int64_t cells() const { return layers * splits * bins; }
  std::int64_t offsets() const { return cells(); }
  std::int64_t outside() const { return cells() * (with_offsets ? 2 : 1); }
  std::int64_t nan() const { return outside() + layers * splits * 2; }
  std::int64_t integers() const { return nan() + layers; }         // (L, 4) of moments
  std::int64_t floats() const { return integers() + 4 * layers; }  // (L, 8) of moments
  std::int64_t size() const { return floats() + 8 * layers; }
};

using Words = std::unique_ptr<std::int64_t[]>;

// Blocks of one size. Threads may share it.
class Blocks {
 public:
  explicit Blocks(std::int64_t words);

  // The block that was given back last, which a cache may still hold, or a new one.
  Words take();
  void give(Words words);

 private:
  std::size_t words_, most_;
  std::mutex mutex_;
  std::vector<Words> idle_;
};

}  // namespace igfast::record

#endif
