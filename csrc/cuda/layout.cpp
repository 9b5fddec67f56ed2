#include "cuda/layout.h"

#include <algorithm>
#include <numeric>

#include "cuda/tuning.h"
#include "dtype.h"

namespace igfast {
namespace {

std::int64_t chunks_of(std::int64_t numel, std::int64_t chunk) {
  return (numel + chunk - 1) / chunk;
}

std::int64_t item_size(std::int64_t dtype) {
  return dispatch_dtype("histogram", dtype, [](auto tag) {
    return static_cast<std::int64_t>(sizeof(typename decltype(tag)::type));
  });
}

// The list of tensors with an empty one for every row that has none, sorted by row.
std::vector<igf_tensor> complete(const igf_tensor* tensors, std::int64_t count, std::int64_t rows) {
  std::vector<igf_tensor> list(tensors, tensors + count);
  std::vector<char> present(static_cast<std::size_t>(rows), 0);
  for (const igf_tensor& tensor : list) {
    present[static_cast<std::size_t>(tensor.row)] = 1;
  }
  for (std::int64_t row = 0; row < rows; ++row) {
    if (present[static_cast<std::size_t>(row)] == 0) {
      list.push_back({0, 0, 0, static_cast<std::int64_t>(Dtype::kFloat32), row});
    }
  }
  std::stable_sort(list.begin(), list.end(),
                   [](const igf_tensor& a, const igf_tensor& b) { return a.row < b.row; });
  return list;
}

std::int64_t chunk_size(const std::vector<igf_tensor>& list) {
  std::int64_t chunk = CudaTuning::kChunk;
  for (;; chunk *= 2) {
    std::int64_t chunks = 0;
    for (const igf_tensor& tensor : list) {
      chunks += chunks_of(tensor.numel, chunk);
    }
    if (chunks <= CudaTuning::kMostChunks + static_cast<std::int64_t>(list.size())) {
      return chunk;
    }
  }
}

// Marks where blocks leave rows, and counts the visits.
void mark_visits(Layout& layout) {
  for (int block = 0; block < layout.blocks; ++block) {
    const auto first =
        static_cast<std::size_t>(layout.block_first[static_cast<std::size_t>(block)]);
    const auto end =
        static_cast<std::size_t>(layout.block_first[static_cast<std::size_t>(block) + 1]);
    for (std::size_t from = first; from < end;) {
      std::size_t to = from;
      std::int64_t elements = 0;
      for (; to < end && layout.segments[to].row == layout.segments[from].row; ++to) {
        elements += layout.segments[to].end - layout.segments[to].begin;
      }
      for (std::size_t s = from; s < to; ++s) {
        layout.segments[s].direct = elements <= CudaTuning::kDirectElements ? 1 : 0;
      }
      layout.segments[to - 1].last = 1;
      ++layout.visits[static_cast<std::size_t>(layout.segments[from].row)];
      from = to;
    }
  }
}

}  // namespace

Layout make_layout(const igf_tensor* tensors, std::int64_t tensor_count, std::int64_t rows,
                   int most_blocks) {
  const std::vector<igf_tensor> list = complete(tensors, tensor_count, rows);
  Layout layout;
  layout.chunk_elements = chunk_size(list);
  layout.visits.assign(static_cast<std::size_t>(rows), 0);
  layout.row_first.assign(static_cast<std::size_t>(rows) + 1, 0);

  std::int64_t items = 0;
  double total = 0.0;
  for (const igf_tensor& tensor : list) {
    const std::int64_t chunks = chunks_of(tensor.numel, layout.chunk_elements);
    items += std::max<std::int64_t>(1, chunks);
    total += static_cast<double>(tensor.numel * item_size(tensor.dtype) + CudaTuning::kTensorCost);
    layout.row_first[static_cast<std::size_t>(tensor.row) + 1] += chunks;
  }
  std::partial_sum(layout.row_first.begin(), layout.row_first.end(), layout.row_first.begin());
  layout.blocks = static_cast<int>(std::min<std::int64_t>(most_blocks, items));

  double before = 0.0;  // cost of the chunks so far; the block of a chunk follows from it
  std::int64_t chunk_index = 0;
  for (const igf_tensor& tensor : list) {
    const std::int64_t size = item_size(tensor.dtype);
    for (std::int64_t begin = 0; begin < std::max<std::int64_t>(1, tensor.numel);
         begin += layout.chunk_elements) {
      const std::int64_t end = std::min(begin + layout.chunk_elements, tensor.numel);
      const int block = std::min(
          layout.blocks - 1, static_cast<int>(before / total * static_cast<double>(layout.blocks)));
      const bool opens = static_cast<int>(layout.block_first.size()) <= block;
      while (static_cast<int>(layout.block_first.size()) <= block) {
        layout.block_first.push_back(static_cast<std::int32_t>(layout.segments.size()));
      }
      if (begin == 0 || opens) {
        layout.segments.push_back({tensor.pointer, begin, end, tensor.start, chunk_index,
                                   static_cast<std::int32_t>(tensor.dtype),
                                   static_cast<std::int32_t>(tensor.row), 0, 0});
      } else {
        layout.segments.back().end = end;
      }
      before +=
          static_cast<double>((end - begin) * size + (begin == 0 ? CudaTuning::kTensorCost : 0));
      chunk_index += end > begin ? 1 : 0;
    }
  }
  while (static_cast<int>(layout.block_first.size()) <= layout.blocks) {
    layout.block_first.push_back(static_cast<std::int32_t>(layout.segments.size()));
  }
  mark_visits(layout);
  return layout;
}

}  // namespace igfast
