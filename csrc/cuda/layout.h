// How the elements of all tensors are dealt to blocks: built once per plan on the host.
//
// Tensors are sorted by output row and cut into chunks. Blocks take contiguous runs of chunks of
// about equal cost, so that there are about blocks + tensors segments, and a block that leaves a
// row visits it: it adds its counters to the outputs. The last of a row's visitors finishes it.
#ifndef IGFAST_CUDA_LAYOUT_H
#define IGFAST_CUDA_LAYOUT_H

#include <cstdint>
#include <vector>

#include "backend.h"

namespace igfast {

// Elements [begin, end) of one tensor, taken by one block; in device memory.
struct Segment {
  std::int64_t pointer;  // element 0 of the tensor
  std::int64_t begin;
  std::int64_t end;
  std::int64_t start;        // flat index of element 0 in its unsharded parameter
  std::int64_t first_chunk;  // index of its first chunk among all
  std::int32_t dtype;
  std::int32_t row;
  std::int32_t direct;  // few elements: straight to the output
  std::int32_t last;    // the block leaves the row after this segment
};

struct Layout {
  std::vector<Segment> segments;
  std::vector<std::int32_t> block_first;  // [blocks + 1]
  std::vector<std::uint32_t> visits;      // [L] blocks that visit a row, at least one
  std::vector<std::int64_t> row_first;    // [L + 1] first chunk of a row
  std::int64_t chunk_elements = 0;
  int blocks = 0;
};

Layout make_layout(const igf_tensor* tensors, std::int64_t tensor_count, std::int64_t rows,
                   int most_blocks);

}  // namespace igfast

#endif
