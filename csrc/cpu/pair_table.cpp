#include "cpu/pair_table.h"

#include <cstdlib>
#include <memory>
#include <new>

namespace igfast {

PairTable& PairTable::of_this_thread() {
  static thread_local PairTable table;
  return table;
}

PairTable::~PairTable() { std::free(storage_); }

Pairs PairTable::pairs(std::int64_t cells, std::uint32_t* words) {
  constexpr std::size_t kLine = 64;
  constexpr std::size_t kBytes = std::size_t{Pairs::kCopies} * Pairs::kCopyBytes;
  if (storage_ == nullptr) {
    storage_ = std::calloc(kBytes + kLine, 1);
    if (storage_ == nullptr) {
      throw std::bad_alloc();
    }
  }
  void* line = storage_;
  std::size_t room = kBytes + kLine;
  std::align(kLine, kBytes, line, room);
  return {
      static_cast<unsigned char*>(line), static_cast<std::int32_t>(cells), words, false, false, 0};
}

}  // namespace igfast
