#include "cpu/word_memory.h"

#include <cstdlib>
#include <cstring>
#include <new>

#ifdef __linux__
#include <sys/mman.h>
#endif

namespace igfast {
namespace {

constexpr std::size_t kPage = 4096;
constexpr std::size_t kHugePage = std::size_t{1} << 21;

unsigned char* allocate(std::size_t alignment, std::size_t bytes) {
  void* memory = std::aligned_alloc(alignment, (bytes + alignment - 1) / alignment * alignment);
  if (memory == nullptr) {
    throw std::bad_alloc();
  }
  return static_cast<unsigned char*>(memory);
}

// One huge page, if the system has them; else pages that are never touched take no memory.
struct Kept {
  unsigned char* page = nullptr;
  std::size_t cleared = 0;  // bytes that are zero
  bool lent = false;

  ~Kept() { std::free(page); }

  unsigned char* lend(std::size_t bytes) {
    if (page == nullptr) {
      page = allocate(kHugePage, kHugePage);
#ifdef MADV_HUGEPAGE
      madvise(page, kHugePage, MADV_HUGEPAGE);  // a wish
#endif
    }
    if (cleared < bytes) {
      std::memset(page + cleared, 0, bytes - cleared);
      cleared = bytes;
    }
    lent = true;
    return page;
  }

  void release() {
    std::free(page);
    page = nullptr;
    cleared = 0;
  }
};

Kept& kept() {
  static thread_local Kept memory;
  return memory;
}

}  // namespace

WordMemory::WordMemory(std::size_t bytes) : bytes_(bytes + kGroupBytes), borrowed_(!kept().lent) {
  Kept& memory = kept();
  if (borrowed_ && bytes_ > kHugePage) {
    memory.release();
    borrowed_ = false;
  }
  unsigned char* begin = borrowed_ ? memory.lend(bytes_) : allocate(kPage, bytes_);
  if (!borrowed_) {
    std::memset(begin, 0, bytes_);
  }
  words_ = begin + kGroupBytes;
}

WordMemory::~WordMemory() {
  unsigned char* begin = static_cast<unsigned char*>(words_) - kGroupBytes;
  if (!borrowed_) {
    std::free(begin);
    return;
  }
  std::memset(words_, 0, bytes_ - kGroupBytes);  // a call may have failed
  kept().lent = false;
}

}  // namespace igfast
