// What a thread waits for without holding Python's lock: to be rung, and then for more to gather.
#ifndef IGFAST_RECORD_BELL_H
#define IGFAST_RECORD_BELL_H

#include <chrono>
#include <condition_variable>
#include <mutex>

namespace igfast::record {

class Bell {
 public:
  // Urgent ones are heard at once, others by who waits for the first of them, after a while.
  void ring(bool urgent) {
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      if (rung_ && !urgent) {
        return;
      }
      rung_ = true;
      urgent_ = urgent_ || urgent;
    }
    heard_.notify_one();
  }

  void wait(double seconds) {
    std::unique_lock<std::mutex> lock(mutex_);
    heard_.wait(lock, [this] { return rung_; });
    heard_.wait_for(lock, std::chrono::duration<double>(seconds), [this] { return urgent_; });
    rung_ = urgent_ = false;
  }

 private:
  std::mutex mutex_;
  std::condition_variable heard_;
  bool rung_ = false;
  bool urgent_ = false;
};

}  // namespace igfast::record

#endif
