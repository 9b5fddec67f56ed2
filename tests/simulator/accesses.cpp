// Accesses to memory: each is checked for races, and atomic ones may end a turn.
#include "accesses.h"

#include <utility>

#include "machine.h"

namespace simulator {
namespace {

void fail(const std::string& why) {
  if (machine.failure.empty()) {
    const Site* site = machine.running->site;
    machine.failure = "race: " + why + (site != nullptr ? ", after " + place(*site) : "");
  }
}

void before_atomic() {
  if (machine.schedule == Schedule::kRandom && machine.random() % 64 == 0) {
    end_turn();
  }
}

template <class Integer>
Integer add(Integer* address, Integer value) {
  before_atomic();
  report_access(address, sizeof *address, Access::kAtomic);
  const Integer old = *address;
  *address = old + value;
  return old;
}

}  // namespace

void report_access(const void* address, std::size_t bytes, Access access) {
  const Fiber* fiber = machine.running;
  if (fiber == nullptr) {
    return;
  }
  const auto* byte = static_cast<const unsigned char*>(address);
  const auto* stack = reinterpret_cast<const unsigned char*>(fiber->stack.get());
  if (byte >= stack && byte < stack + kStack) {
    return;
  }
  const std::vector<unsigned char>& shared = fiber->block->shared;
  const bool is_shared = byte >= shared.data() && byte < shared.data() + shared.size();
  std::string wrong = is_shared
                          ? machine.races.in_shared(static_cast<std::size_t>(byte - shared.data()),
                                                    bytes, access, stamp_of(*fiber))
                          : machine.races.in_device(reinterpret_cast<std::uintptr_t>(address),
                                                    bytes, access, stamp_of(*fiber));
  if (!wrong.empty()) {
    fail(wrong);
    end_turn();
  }
}

unsigned char* shared_memory() { return machine.running->block->shared.data(); }

unsigned atomic_add(unsigned* address, unsigned value) { return add(address, value); }
unsigned long long atomic_add(unsigned long long* address, unsigned long long value) {
  return add(address, value);
}

unsigned atomic_increment(unsigned* address, unsigned last) {
  before_atomic();
  const Fiber& fiber = *machine.running;
  std::vector<std::uint32_t> fences;
  for (const auto& other : fiber.block->fibers) {
    fences.push_back(other->fences);
  }
  machine.races.arrive(reinterpret_cast<std::uintptr_t>(address), stamp_of(fiber),
                       std::move(fences));
  const unsigned old = *address;
  *address = old >= last ? 0 : old + 1;
  return old;
}

}  // namespace simulator
