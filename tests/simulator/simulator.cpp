// Launches: blocks come into flight, warps take turns, blocks retire.
#include "simulator.h"

#include <stdexcept>

#include "machine.h"

namespace simulator {

bool idle = false;

namespace {

constexpr std::size_t kBlocksInFlight = 3;

// One turn for every lane that is ready.
bool run_lanes(const Warp& warp) {
  int order[kWarp];
  const int lanes = lanes_of(warp);
  for (int i = 0; i < lanes; ++i) {
    order[i] = machine.schedule == Schedule::kReverse ? lanes - 1 - i : i;
  }
  if (machine.schedule == Schedule::kRandom) {
    std::shuffle(order, order + lanes, machine.random);
  }
  bool moved = false;
  for (int i = 0; i < lanes && machine.failure.empty(); ++i) {
    Fiber& fiber = fiber_of(warp, order[i]);
    if (fiber.state == State::kReady) {
      resume(fiber);
      moved = true;
    }
  }
  return moved;
}

// A warp goes as far as it can before a less urgent one moves at all: no luck hides a race.
bool run_warp(const Warp& warp) {
  bool moved = false;
  while (run_lanes(warp) || release_exchanges(warp)) {
    moved = true;
  }
  return moved;
}

void launch_block(int index, std::size_t shared) {
  if (machine.idle.empty()) {
    machine.idle.emplace_back();
  }
  machine.in_flight.splice(machine.in_flight.end(), machine.idle, machine.idle.begin());
  Block& block = machine.in_flight.back();
  block.index = index;
  block.shared.assign(shared + kGuard, kPoison);
  while (block.fibers.size() < static_cast<std::size_t>(machine.threads)) {
    block.fibers.push_back(std::make_unique<Fiber>());
  }
  block.fibers.resize(static_cast<std::size_t>(machine.threads));
  for (int t = 0; t < machine.threads; ++t) {
    Fiber& fiber = *block.fibers[static_cast<std::size_t>(t)];
    fiber.state = State::kReady;
    fiber.block = &block;
    fiber.thread = t;
    fiber.fences = 0;
    fiber.site = nullptr;
    if (t % kWarp == 0) {
      const auto end = machine.turns.end();
      const bool last = machine.schedule == Schedule::kForward;
      machine.turns.insert(last ? end : machine.turns.begin(), {&block, t});
    }
  }
  if (machine.schedule == Schedule::kRandom) {
    std::shuffle(machine.turns.begin(), machine.turns.end(), machine.random);
  }
  machine.races.begin_block(index, shared);
}

bool has_ended(const Block& block) {
  for (const auto& fiber : block.fibers) {
    if (fiber->state != State::kDone) {
      return false;
    }
  }
  return true;
}

void retire(std::list<Block>::iterator block, std::size_t shared) {
  for (std::size_t i = shared; i < shared + kGuard; ++i) {
    if (block->shared[i] != kPoison) {
      machine.failure = "block " + std::to_string(block->index) + " wrote beyond its shared memory";
    }
  }
  auto& turns = machine.turns;
  const auto of_block = [&](const Warp& warp) { return warp.block == &*block; };
  turns.erase(std::remove_if(turns.begin(), turns.end(), of_block), turns.end());
  machine.races.end_block(block->index);
  machine.idle.splice(machine.idle.end(), machine.in_flight, block);
}

// Runs the most urgent warp that can move, and what follows for its block.
bool step(std::size_t shared) {
  for (const Warp& warp : machine.turns) {
    Block& block = *warp.block;
    if (!run_warp(warp)) {
      continue;
    }
    if (has_ended(block)) {
      auto found = machine.in_flight.begin();
      while (&*found != &block) {
        ++found;
      }
      retire(found, shared);
    } else {
      release_barrier(block);
    }
    if (machine.schedule == Schedule::kRandom && machine.random() % 16 == 0) {
      std::shuffle(machine.turns.begin(), machine.turns.end(), machine.random);
    }
    return true;
  }
  return false;
}

}  // namespace

void run(int blocks, int threads, std::size_t shared, const std::function<void()>& kernel) {
  if (idle) {
    return;
  }
  machine.kernel = &kernel;
  machine.threads = threads;
  machine.failure.clear();
  machine.races.begin_launch(blocks);
  int next = 0;
  while (machine.failure.empty() && (next < blocks || !machine.in_flight.empty())) {
    while (next < blocks && machine.in_flight.size() < kBlocksInFlight) {
      const bool backward = machine.schedule == Schedule::kReverse;
      launch_block(backward ? blocks - 1 - next : next, shared);
      ++next;
    }
    if (!step(shared) && machine.failure.empty()) {
      machine.failure = describe_deadlock();
    }
  }
  if (!machine.failure.empty()) {
    machine.turns.clear();
    machine.in_flight.clear();  // its fibers stand in the middle of a kernel
    throw std::runtime_error(machine.failure);
  }
}

}  // namespace simulator

extern "C" {

void igf_simulator_schedule(int schedule, unsigned long long seed) {
  simulator::machine.schedule = static_cast<simulator::Schedule>(schedule);
  simulator::machine.random.seed(seed);
}
}
