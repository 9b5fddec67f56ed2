#include "cpu/work.h"

#include <algorithm>
#include <atomic>

#include "cpu/float_environment.h"
#include "cpu/thread_pool.h"
#include "cpu/tuning.h"
#include "grid.h"

namespace igfast {
namespace {

// Elements between the last block boundary and element 0.
std::int64_t lead(const igf_tensor& tensor) { return tensor.start & (kBlock - 1); }

std::int64_t chunk_size(const igf_tensor& tensor) {
  return tensor.numel <= Tuning::kSmallTensor ? Tuning::kSmallChunk : Tuning::kChunk;
}

}  // namespace

Work::Work(const igf_tensor* tensors, std::int64_t tensor_count) : tensors_(tensors), first_{0} {
  first_.reserve(static_cast<std::size_t>(tensor_count) + 1);
  for (std::int64_t t = 0; t < tensor_count; ++t) {
    const std::int64_t numel = tensors[t].numel;
    const std::int64_t size = chunk_size(tensors[t]);
    elements_ += numel;
    const std::int64_t chunks = numel == 0 ? 0 : (lead(tensors[t]) + numel + size - 1) / size;
    first_.push_back(first_.back() + chunks);
  }
}

std::int64_t Work::useful_threads(std::int64_t requested) const {
  const std::int64_t most = requested == 0 ? hardware_threads() : requested;
  const std::int64_t worth = std::min(chunk_count(), elements_ / Tuning::kElementsPerThread);
  return std::max<std::int64_t>(1, std::min(most, worth));
}

std::int64_t Work::tensor_of(std::int64_t index) const {
  return std::upper_bound(first_.begin(), first_.end(), index) - first_.begin() - 1;
}

Chunk Work::chunk(std::int64_t index, std::int64_t tensor) const {
  const igf_tensor& source = tensors_[tensor];
  const std::int64_t size = chunk_size(source);
  const std::int64_t from = (index - first_chunk(tensor)) * size - lead(source);
  return {index, tensor, std::max<std::int64_t>(from, 0), std::min(from + size, source.numel)};
}

std::int64_t Work::deal(std::int64_t threads, const Body& body) const {
  std::atomic<std::int64_t> next{0};
  const std::int64_t portion =
      threads == 1
          ? std::max<std::int64_t>(1, chunk_count())
          : std::max<std::int64_t>(1, chunk_count() / (threads * Tuning::kPortionsPerThread));
  const TakeRange take = [&](std::int64_t* begin, std::int64_t* end) {
    *begin = next.fetch_add(portion, std::memory_order_relaxed);
    *end = std::min(*begin + portion, chunk_count());
    return *begin < chunk_count();
  };
  return run_parallel(threads, [&](std::int64_t number) {
    const FloatEnvironment ieee;
    body(number, take);
  });
}

}  // namespace igfast
