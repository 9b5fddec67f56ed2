// Barriers and shuffles: threads wait there, and go on when all that should have arrived.
#include <map>

#include "machine.h"

namespace simulator {

// Lets a block go when all its threads that have not ended wait at one barrier.
bool release_barrier(Block& block) {
  const Site* meeting = nullptr;
  for (const auto& fiber : block.fibers) {
    if (fiber->state == State::kDone) {
      continue;
    }
    if (fiber->state != State::kAtBarrier) {
      return false;
    }
    if (meeting != nullptr && meeting != fiber->site) {
      machine.failure = "threads of a block meet at different barriers: " + place(*meeting) +
                        " and " + place(*fiber->site);
      return false;
    }
    meeting = fiber->site;
  }
  if (meeting == nullptr) {
    return false;
  }
  for (const auto& fiber : block.fibers) {
    if (fiber->state == State::kAtBarrier) {
      fiber->state = State::kReady;
    }
  }
  machine.races.pass_barrier(block.index);
  return true;
}

// Lets go the lanes of a warp whose mask has gathered at one shuffle.
bool release_exchanges(const Warp& warp) {
  bool released = false;
  const int lanes = lanes_of(warp);
  for (int leader = 0; leader < lanes; ++leader) {
    if (fiber_of(warp, leader).state != State::kInExchange) {
      continue;
    }
    const unsigned mask = fiber_of(warp, leader).mask;
    const Site* site = fiber_of(warp, leader).site;
    bool complete = (mask >> leader & 1u) != 0;
    for (int other = 0; other < kWarp && complete; ++other) {
      if ((mask >> other & 1u) != 0) {
        complete = other < lanes && fiber_of(warp, other).state == State::kInExchange &&
                   fiber_of(warp, other).mask == mask && fiber_of(warp, other).site == site;
      }
    }
    if (!complete) {
      continue;
    }
    std::uint64_t deposits[kWarp];
    std::memset(deposits, kPoison, sizeof deposits);  // what lanes outside the mask seem to hold
    for (int other = 0; other < lanes; ++other) {
      if ((mask >> other & 1u) != 0) {
        deposits[other] = fiber_of(warp, other).bits;
      }
    }
    for (int other = 0; other < lanes; ++other) {
      if ((mask >> other & 1u) != 0) {
        Fiber& fiber = fiber_of(warp, other);
        fiber.bits = deposits[fiber.source & (kWarp - 1)];
        fiber.state = State::kReady;
      }
    }
    released = true;
  }
  return released;
}

std::string describe_deadlock() {
  const Block& block = machine.in_flight.front();
  std::map<std::string, int> waiting;
  for (const auto& fiber : block.fibers) {
    waiting[fiber->state == State::kDone ? "have ended" : "wait for " + place(*fiber->site)]++;
  }
  std::string text = "deadlock in block " + std::to_string(block.index) + ":";
  for (const auto& [where, count] : waiting) {
    text += " " + std::to_string(count) + " threads " + where + ";";
  }
  return text;
}

void barrier(Site& site) {
  if (site.disabled) {
    return;
  }
  machine.running->state = State::kAtBarrier;
  machine.running->site = &site;
  end_turn();
}

void fence(Site& site) {
  if (!site.disabled) {
    ++machine.running->fences;
  }
}

std::uint64_t exchange(Site& site, unsigned mask, std::uint64_t bits, int source) {
  Fiber& fiber = *machine.running;
  fiber.state = State::kInExchange;
  fiber.site = &site;
  // The mutation of a shuffle: one lane of the warp does not know of another.
  fiber.mask = site.disabled && (thread_index.x & 31u) == 3 ? mask & ~(1u << 7) : mask;
  fiber.bits = bits;
  fiber.source = source;
  end_turn();
  return fiber.bits;
}

}  // namespace simulator
