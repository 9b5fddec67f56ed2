// The elements of all tensors of a call, cut into chunks: the unit that threads share, so that a
// list of ragged tensors balances. Cuts lie on the 256-blocks of the unsharded parameter.
#ifndef IGFAST_CPU_WORK_H
#define IGFAST_CPU_WORK_H

#include <cstdint>
#include <functional>
#include <vector>

#include "backend.h"

namespace igfast {

struct Chunk {
  std::int64_t index;  // of all chunks of the call
  std::int64_t tensor;
  std::int64_t begin;  // elements of the tensor
  std::int64_t end;
};

class Work {
 public:
  Work(const igf_tensor* tensors, std::int64_t tensor_count);

  std::int64_t chunk_count() const { return first_.back(); }
  std::int64_t first_chunk(std::int64_t tensor) const {
    return first_[static_cast<std::size_t>(tensor)];
  }

  // How many threads are worth waking for `requested` (0: as many as the machine has).
  std::int64_t useful_threads(std::int64_t requested) const;

  // Deals all chunks to `threads` workers, in ascending order within a worker. make_worker(w)
  // is called once by each worker in its own thread and returns what takes its chunks. Before, the
  // caller's thread calls first(), while the others wake up. Returns the number of threads that
  // ran.
  template <class First, class MakeWorker>
  std::int64_t share(std::int64_t threads, First&& first, MakeWorker&& make_worker) const {
    return deal(threads, [&](std::int64_t number, const TakeRange& take) {
      if (number == 0) {
        first();
      }
      auto worker = make_worker();
      std::int64_t begin = 0;
      std::int64_t end = 0;
      while (take(&begin, &end)) {
        std::int64_t tensor = tensor_of(begin);
        for (std::int64_t index = begin; index < end; ++index) {
          while (index >= first_chunk(tensor + 1)) {
            ++tensor;
          }
          worker->take(chunk(index, tensor));
        }
      }
      worker->finish();
    });
  }

 private:
  using TakeRange = std::function<bool(std::int64_t*, std::int64_t*)>;
  using Body = std::function<void(std::int64_t, const TakeRange&)>;

  std::int64_t deal(std::int64_t threads, const Body& body) const;
  std::int64_t tensor_of(std::int64_t index) const;
  Chunk chunk(std::int64_t index, std::int64_t tensor) const;

  const igf_tensor* tensors_;
  std::int64_t elements_ = 0;
  std::vector<std::int64_t> first_;  // [N + 1] first chunk of every tensor
};

}  // namespace igfast

#endif
