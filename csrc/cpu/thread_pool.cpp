#include "cpu/thread_pool.h"

#include <atomic>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

#ifndef _WIN32
#include <unistd.h>
#endif
#if defined(__x86_64__) || defined(_M_X64)
#include <immintrin.h>
#endif

namespace igfast {
namespace {

long process_id() {
#ifdef _WIN32
  return 0;  // no fork
#else
  return static_cast<long>(getpid());
#endif
}

// Between two looks at what another thread will change.
void relax() {
#if defined(__x86_64__) || defined(_M_X64)
  _mm_pause();
#endif
}

class Pool {
 public:
  std::mutex& in_use() { return in_use_; }

  // The caller holds in_use(). Grows the pool where the system lets it.
  std::int64_t run(std::int64_t workers, const std::function<void(std::int64_t)>& body) {
    const std::int64_t helpers = grow(workers - 1);
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      body_ = &body;
      helpers_ = helpers;
      running_ = helpers;
      unfinished_.store(helpers, std::memory_order_relaxed);
      failure_ = nullptr;
      ++generation_;
    }
    wake_.notify_all();
    work(0, body);
    // Threads that share small pieces of work end nearly together; to sleep until the last one does
    // would cost more than it takes.
    for (int turn = 0; turn < kTurns && unfinished_.load(std::memory_order_acquire) != 0; ++turn) {
      relax();
    }
    std::unique_lock<std::mutex> lock(mutex_);
    done_.wait(lock, [this] { return running_ == 0; });
    body_ = nullptr;
    if (failure_) {
      std::rethrow_exception(failure_);
    }
    return helpers + 1;
  }

 private:
  std::int64_t grow(std::int64_t helpers) {
    while (static_cast<std::int64_t>(threads_.size()) < helpers) {
      const auto worker = static_cast<std::int64_t>(threads_.size()) + 1;
      try {
        threads_.emplace_back([this, worker, seen = generation_] { serve(worker, seen); });
      } catch (const std::exception&) {  // no more threads to be had: fewer workers, same result
        break;
      }
    }
    const auto size = static_cast<std::int64_t>(threads_.size());
    return size < helpers ? size : helpers;
  }

  void work(std::int64_t worker, const std::function<void(std::int64_t)>& body) {
    try {
      body(worker);
    } catch (...) {
      const std::lock_guard<std::mutex> lock(mutex_);
      if (!failure_) {
        failure_ = std::current_exception();
      }
    }
  }

  void serve(std::int64_t worker, std::uint64_t seen) {
    std::unique_lock<std::mutex> lock(mutex_);
    for (;;) {
      wake_.wait(lock, [&] { return generation_ != seen; });
      seen = generation_;
      if (worker > helpers_) {
        continue;
      }
      const std::function<void(std::int64_t)>& body = *body_;
      lock.unlock();
      work(worker, body);
      unfinished_.fetch_sub(1, std::memory_order_release);
      lock.lock();
      if (--running_ == 0) {
        done_.notify_one();
      }
    }
  }

  static constexpr int kTurns = 1000;  // some 10 to 40 microseconds

  std::mutex in_use_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::condition_variable done_;
  std::vector<std::thread> threads_;
  const std::function<void(std::int64_t)>* body_ = nullptr;
  std::int64_t helpers_ = 0;
  std::int64_t running_ = 0;
  std::atomic<std::int64_t> unfinished_{0};  // as running_, for a look without the lock
  std::uint64_t generation_ = 0;
  std::exception_ptr failure_;
};

// A forked child has none of its parent's threads, and perhaps a locked mutex: it starts afresh.
// Pools are never destroyed, so that no thread is joined while the process exits.
Pool& pool() {
  struct Owned {
    Pool pool;
    long process;
  };
  static std::atomic<Owned*> current{nullptr};  // no lock, which a fork could leave taken
  Owned* owned = current.load(std::memory_order_acquire);
  while (owned == nullptr || owned->process != process_id()) {
    auto* fresh = new Owned{{}, process_id()};
    if (current.compare_exchange_strong(owned, fresh)) {
      return fresh->pool;
    }
    delete fresh;
  }
  return owned->pool;
}

}  // namespace

std::int64_t hardware_threads() {
  const unsigned int count = std::thread::hardware_concurrency();
  return count == 0 ? 1 : static_cast<std::int64_t>(count);
}

std::int64_t run_parallel(std::int64_t workers, const std::function<void(std::int64_t)>& body) {
  if (workers > 1) {
    Pool& shared = pool();
    const std::unique_lock<std::mutex> lock(shared.in_use(), std::try_to_lock);
    if (lock.owns_lock()) {
      return shared.run(workers, body);
    }
  }
  body(0);
  return 1;
}

}  // namespace igfast
