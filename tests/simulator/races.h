// Finds races: two threads touch a word, one of them writes, not both atomically, and nothing
// orders the two accesses.
//
// Within a block barriers alone make an order: each begins a new epoch of the block. Between blocks
// an atomic increment does (arrival at a counter): a thread that arrives after the threads of its
// block have written, fenced and met hands their writes on; a block whose thread arrives later may
// read them after a barrier and a fence. Device memory is watched where a kernel has written.
#ifndef IGFAST_SIMULATOR_RACES_H
#define IGFAST_SIMULATOR_RACES_H

#include <bitset>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <unordered_map>
#include <vector>

namespace simulator {

enum class Access { kRead, kWrite, kAtomic };

// Where a thread stands when it touches memory.
struct Stamp {
  std::int32_t block = -1;  // none yet
  std::int32_t thread = 0;
  std::uint32_t epoch = 0;   // barriers its block has passed
  std::uint32_t fences = 0;  // fences the thread has passed
};

class Races {
 public:
  void begin_launch(int blocks);
  void begin_block(int block, std::size_t shared_bytes);
  void end_block(int block);

  std::uint32_t epoch(int block) const { return blocks_[static_cast<std::size_t>(block)].epoch; }
  void pass_barrier(int block) { ++blocks_[static_cast<std::size_t>(block)].epoch; }
  // `fences`: those that each thread of the block has passed.
  void arrive(std::uintptr_t counter, const Stamp& now, std::vector<std::uint32_t> fences);

  // What is wrong with an access, or "".
  std::string in_shared(std::size_t offset, std::size_t bytes, Access access, const Stamp& now);
  std::string in_device(std::uintptr_t address, std::size_t bytes, Access access, const Stamp& now);

 private:
  struct Word {
    Stamp write;  // the last one, atomic or not
    Stamp read;   // the last plain one
    bool atomic = false;
    bool several_writers = false;  // in the epoch of `write`
    bool several_readers = false;
  };
  // What a block had done when one of its threads arrived at a counter.
  struct Arrival {
    std::uint32_t epoch;
    std::int32_t thread;
    std::vector<std::uint32_t> fences;
  };
  // What a block learned by arriving later.
  struct Known {
    Arrival arrival;
    std::uint32_t epoch;   // of the block that learned it
    std::uint32_t fences;  // of its thread that did
  };
  struct Block {
    std::uint32_t epoch = 0;
    std::map<int, Known> known;  // by block
    std::vector<Word> shared;
  };

  std::string touch(Word& word, Access access, const Stamp& now) const;
  bool ordered(const Stamp& before, const Stamp& now) const;

  std::vector<Block> blocks_;
  std::unordered_map<std::uintptr_t, Word> device_;
  std::bitset<65536> written_;  // most reads are of words that no one writes
  std::map<std::uintptr_t, std::map<int, Arrival>> counters_;
};

}  // namespace simulator

#endif
