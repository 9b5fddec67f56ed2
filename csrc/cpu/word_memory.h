// Where the words of a row lie, kept by each thread. An increment waits for earlier stores whose
// addresses look like its own: the lowest twelve bits and some of the physical address. Words and
// the indices that wait to be counted therefore lie next to one another on one huge page, where
// they never do; on small pages, which lie anywhere, one process in some was a fifth slower.
#ifndef IGFAST_CPU_WORD_MEMORY_H
#define IGFAST_CPU_WORD_MEMORY_H

#include <cstddef>

namespace igfast {

class WordMemory {
 public:
  // Before the words: for the groups of a kernel.
  static constexpr std::size_t kGroupBytes = 4096;

  // Borrows that of this thread, for as long as the object lives; has its own where that is lent
  // already, or too small, which is then freed. Throws std::bad_alloc.
  explicit WordMemory(std::size_t bytes);
  ~WordMemory();

  WordMemory(const WordMemory&) = delete;
  WordMemory& operator=(const WordMemory&) = delete;

  // Zeros, from the beginning of a page on.
  void* words() const { return words_; }

 private:
  std::size_t bytes_;
  bool borrowed_;
  void* words_;
};

}  // namespace igfast

#endif
