// A counted record as Python holds it.
#ifndef IGFAST_COUNTED_BLOCK_H
#define IGFAST_COUNTED_BLOCK_H

#include <cstdint>
#include <memory>
#include <utility>

#include "backend.h"
#include "record/blocks.h"

namespace igfast {

// Outputs of one record. Arrays over its memory keep it; when the last of them is gone, the memory
// is another record's.
class Block {
 public:
  Block(const record::Places& places, std::shared_ptr<record::Blocks> blocks)
      : places_(places), blocks_(std::move(blocks)), words_(blocks_->take()) {}
  ~Block() { blocks_->give(std::move(words_)); }
  Block(const Block&) = delete;
  Block& operator=(const Block&) = delete;

  std::int64_t* at(std::int64_t word) const { return words_.get() + word; }
  igf_moments_output sums() const {
    return {at(places_.integers()), reinterpret_cast<double*>(at(places_.floats()))};
  }
  const record::Places& places() const { return places_; }

 private:
  record::Places places_;
  std::shared_ptr<record::Blocks> blocks_;
  record::Words words_;
};

}  // namespace igfast

#endif
