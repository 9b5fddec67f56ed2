#include "races.h"

#include <utility>

namespace simulator {
namespace {

constexpr std::size_t kWord = 4;

std::size_t slot(std::uintptr_t word) { return (word ^ (word >> 16)) & 65535u; }

const char* verb(Access access) {
  return access == Access::kRead ? " reads" : access == Access::kWrite ? " writes" : " adds to";
}

std::string describe(const Stamp& now, Access access, const Stamp& other, const char* did) {
  return "thread " + std::to_string(now.thread) + " of block " + std::to_string(now.block) +
         verb(access) + " what thread " + std::to_string(other.thread) + " of block " +
         std::to_string(other.block) + " has " + did;
}

bool same_epoch(const Stamp& a, const Stamp& b) { return a.block == b.block && a.epoch == b.epoch; }

}  // namespace

void Races::begin_launch(int blocks) {
  blocks_.assign(static_cast<std::size_t>(blocks), {});
  device_.clear();
  written_.reset();
  counters_.clear();
}

void Races::begin_block(int block, std::size_t shared_bytes) {
  blocks_[static_cast<std::size_t>(block)].shared.assign((shared_bytes + kWord - 1) / kWord, {});
}

void Races::end_block(int block) {
  std::vector<Word>().swap(blocks_[static_cast<std::size_t>(block)].shared);
}

void Races::arrive(std::uintptr_t counter, const Stamp& now, std::vector<std::uint32_t> fences) {
  std::map<int, Arrival>& arrivals = counters_[counter];
  for (const auto& [block, arrival] : arrivals) {
    blocks_[static_cast<std::size_t>(now.block)].known[block] = {arrival, now.epoch, now.fences};
  }
  arrivals[now.block] = {now.epoch, now.thread, std::move(fences)};
}

bool Races::ordered(const Stamp& before, const Stamp& now) const {
  if (before.block == now.block) {
    return before.thread == now.thread || before.epoch < now.epoch;
  }
  const Block& mine = blocks_[static_cast<std::size_t>(now.block)];
  const auto found = mine.known.find(before.block);
  if (found == mine.known.end()) {
    return false;
  }
  const Known& known = found->second;
  const Arrival& arrival = known.arrival;
  const bool met = before.epoch < arrival.epoch ||
                   (before.epoch == arrival.epoch && before.thread == arrival.thread);
  const bool fenced = before.fences < arrival.fences[static_cast<std::size_t>(before.thread)];
  return met && fenced && now.epoch > known.epoch && now.fences > known.fences;
}

std::string Races::touch(Word& word, Access access, const Stamp& now) const {
  const bool both_atomic = access == Access::kAtomic && word.atomic;
  if (word.write.block >= 0 && !both_atomic) {
    const bool alone = !(word.several_writers && same_epoch(word.write, now));
    if (!alone || !ordered(word.write, now)) {
      return describe(now, access, word.write, "written");
    }
  }
  if (access == Access::kRead) {
    word.several_readers =
        same_epoch(word.read, now) && (word.several_readers || word.read.thread != now.thread);
    word.read = now;
    return "";
  }
  if (word.read.block >= 0) {
    const bool alone = !(word.several_readers && same_epoch(word.read, now));
    if (!alone || !ordered(word.read, now)) {
      return describe(now, access, word.read, "read");
    }
  }
  word.several_writers =
      same_epoch(word.write, now) && (word.several_writers || word.write.thread != now.thread);
  word.write = now;
  word.atomic = access == Access::kAtomic;
  return "";
}

std::string Races::in_shared(std::size_t offset, std::size_t bytes, Access access,
                             const Stamp& now) {
  std::vector<Word>& words = blocks_[static_cast<std::size_t>(now.block)].shared;
  for (std::size_t word = offset / kWord; word * kWord < offset + bytes; ++word) {
    if (word >= words.size()) {
      return "thread " + std::to_string(now.thread) + " leaves the shared memory";
    }
    std::string wrong = touch(words[word], access, now);
    if (!wrong.empty()) {
      return wrong + " in shared memory";
    }
  }
  return "";
}

std::string Races::in_device(std::uintptr_t address, std::size_t bytes, Access access,
                             const Stamp& now) {
  for (std::uintptr_t word = address / kWord; word * kWord < address + bytes; ++word) {
    if (access == Access::kRead) {
      if (!written_[slot(word)]) {
        continue;
      }
      const auto found = device_.find(word);
      if (found == device_.end()) {
        continue;
      }
    }
    written_.set(slot(word));
    std::string wrong = touch(device_[word], access, now);
    if (!wrong.empty()) {
      return wrong + " in device memory";
    }
  }
  return "";
}

}  // namespace simulator
