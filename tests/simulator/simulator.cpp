#include "simulator.h"

#include <ucontext.h>

#include <cstdio>
#include <list>
#include <map>
#include <memory>
#include <numeric>
#include <random>
#include <stdexcept>
#include <utility>
#include <vector>

#include "control.h"

namespace simulator {

Dim3 thread_index{0, 0, 0};
Dim3 block_index{0, 0, 0};

namespace {

constexpr std::size_t kStack = 64 * 1024;
constexpr std::size_t kGuard = 64;
constexpr unsigned char kPoison = 0xa5;
constexpr int kWarp = 32;

enum class State { kReady, kAtBarrier, kInExchange, kDone };

struct Fiber {
  ucontext_t context;
  std::unique_ptr<char[]> stack{new char[kStack]};
  State state = State::kReady;
  Site* site = nullptr;
  unsigned mask = 0;
  std::uint64_t bits = 0;
  int source = 0;
};

struct Machine {
  Schedule schedule = Schedule::kForward;
  std::mt19937_64 random;
  std::vector<Fiber> fibers;
  int threads = 0;
  int current = -1;
  ucontext_t scheduler;
  std::vector<unsigned char> shared;
  const std::function<void()>* kernel = nullptr;
  std::string failure;
};

Machine machine;

std::list<Site>& sites() {
  static std::list<Site> all;
  return all;
}

std::string place(const Site& site) {
  const std::string file = site.file;
  return std::string(site.kind) + " at " + file.substr(file.rfind('/') + 1) + ":" +
         std::to_string(site.line);
}

void fiber_main() {
  (*machine.kernel)();
  machine.fibers[static_cast<std::size_t>(machine.current)].state = State::kDone;
}

Fiber& running() { return machine.fibers[static_cast<std::size_t>(machine.current)]; }

void end_turn() {
  Fiber& fiber = running();
  swapcontext(&fiber.context, &machine.scheduler);
}

void resume(int index) {
  machine.current = index;
  thread_index.x = static_cast<unsigned>(index);
  swapcontext(&machine.scheduler, &machine.fibers[static_cast<std::size_t>(index)].context);
}

std::vector<int> order(int count) {
  std::vector<int> turns(static_cast<std::size_t>(count));
  std::iota(turns.begin(), turns.end(), 0);
  if (machine.schedule == Schedule::kReverse) {
    std::reverse(turns.begin(), turns.end());
  } else if (machine.schedule == Schedule::kRandom) {
    std::shuffle(turns.begin(), turns.end(), machine.random);
  }
  return turns;
}

// Lets everyone go when all threads that have not ended wait at one barrier.
bool release_barrier() {
  const Site* meeting = nullptr;
  for (int t = 0; t < machine.threads; ++t) {
    const Fiber& fiber = machine.fibers[static_cast<std::size_t>(t)];
    if (fiber.state == State::kDone) {
      continue;
    }
    if (fiber.state != State::kAtBarrier) {
      return false;
    }
    if (meeting != nullptr && meeting != fiber.site) {
      machine.failure = "threads of a block meet at different barriers: " + place(*meeting) +
                        " and " + place(*fiber.site);
      return false;
    }
    meeting = fiber.site;
  }
  for (int t = 0; t < machine.threads; ++t) {
    Fiber& fiber = machine.fibers[static_cast<std::size_t>(t)];
    if (fiber.state == State::kAtBarrier) {
      fiber.state = State::kReady;
    }
  }
  return meeting != nullptr;
}

// Lets go the lanes of a warp whose mask has gathered at one shuffle.
bool release_exchanges(int warp) {
  bool released = false;
  const int first = warp * kWarp;
  const int lanes = std::min(kWarp, machine.threads - first);
  const auto lane = [&](int index) -> Fiber& {
    return machine.fibers[static_cast<std::size_t>(first + index)];
  };
  for (int leader = 0; leader < lanes; ++leader) {
    if (lane(leader).state != State::kInExchange) {
      continue;
    }
    const unsigned mask = lane(leader).mask;
    const Site* site = lane(leader).site;
    bool complete = (mask >> leader & 1u) != 0;
    for (int other = 0; other < kWarp && complete; ++other) {
      if ((mask >> other & 1u) != 0) {
        complete = other < lanes && lane(other).state == State::kInExchange &&
                   lane(other).mask == mask && lane(other).site == site;
      }
    }
    if (!complete) {
      continue;
    }
    std::uint64_t deposits[kWarp];
    std::memset(deposits, kPoison, sizeof deposits);  // what lanes outside the mask seem to hold
    for (int other = 0; other < lanes; ++other) {
      if ((mask >> other & 1u) != 0) {
        deposits[other] = lane(other).bits;
      }
    }
    for (int other = 0; other < lanes; ++other) {
      if ((mask >> other & 1u) != 0) {
        lane(other).bits = deposits[lane(other).source & (kWarp - 1)];
        lane(other).state = State::kReady;
      }
    }
    released = true;
  }
  return released;
}

std::string describe_deadlock() {
  std::map<std::string, int> waiting;
  for (int t = 0; t < machine.threads; ++t) {
    const Fiber& fiber = machine.fibers[static_cast<std::size_t>(t)];
    waiting[fiber.state == State::kDone ? "have ended" : "wait for " + place(*fiber.site)]++;
  }
  std::string text = "deadlock in block " + std::to_string(block_index.x) + ":";
  for (const auto& [where, count] : waiting) {
    text += " " + std::to_string(count) + " threads " + where + ";";
  }
  return text;
}

// One turn for every lane that is ready.
bool run_warp(int warp) {
  bool moved = false;
  for (const int lane : order(std::min(kWarp, machine.threads - warp * kWarp))) {
    const int thread = warp * kWarp + lane;
    if (machine.fibers[static_cast<std::size_t>(thread)].state == State::kReady) {
      resume(thread);
      moved = true;
    }
  }
  return moved;
}

void run_block() {
  for (int t = 0; t < machine.threads; ++t) {
    Fiber& fiber = machine.fibers[static_cast<std::size_t>(t)];
    fiber.state = State::kReady;
    getcontext(&fiber.context);
    fiber.context.uc_stack.ss_sp = fiber.stack.get();
    fiber.context.uc_stack.ss_size = kStack;
    fiber.context.uc_link = &machine.scheduler;
    makecontext(&fiber.context, fiber_main, 0);
  }
  const int warps = (machine.threads + kWarp - 1) / kWarp;
  for (;;) {
    // A warp goes as far as it can before the next one moves at all: no luck hides a race.
    bool moved = false;
    for (const int warp : order(warps)) {
      while (run_warp(warp) || release_exchanges(warp)) {
        moved = true;
      }
    }
    bool left = false;
    for (int t = 0; t < machine.threads; ++t) {
      left = left || machine.fibers[static_cast<std::size_t>(t)].state != State::kDone;
    }
    if (!left) {
      return;
    }
    moved = release_barrier() || moved;
    if (!machine.failure.empty() || !moved) {
      throw std::runtime_error(machine.failure.empty() ? describe_deadlock() : machine.failure);
    }
  }
}

}  // namespace

Site& site_at(const char* file, int line, const char* kind) {
  for (Site& site : sites()) {
    if (site.line == line && std::strcmp(site.file, file) == 0 &&
        std::strcmp(site.kind, kind) == 0) {
      return site;
    }
  }
  sites().push_back({file, line, kind, false});
  return sites().back();
}

void barrier(Site& site) {
  if (site.disabled) {
    return;
  }
  running().state = State::kAtBarrier;
  running().site = &site;
  end_turn();
}

std::uint64_t exchange(Site& site, unsigned mask, std::uint64_t bits, int source) {
  Fiber& fiber = running();
  fiber.state = State::kInExchange;
  fiber.site = &site;
  // The mutation of a shuffle: one lane of the warp does not know of another.
  fiber.mask = site.disabled && (thread_index.x & 31u) == 3 ? mask & ~(1u << 7) : mask;
  fiber.bits = bits;
  fiber.source = source;
  end_turn();
  return running().bits;
}

void before_atomic() {
  if (machine.schedule == Schedule::kRandom && machine.random() % 64 == 0) {
    end_turn();
  }
}

unsigned char* shared_memory() { return machine.shared.data(); }

void run(int blocks, int threads, std::size_t shared, const std::function<void()>& kernel) {
  machine.kernel = &kernel;
  machine.threads = threads;
  machine.failure.clear();
  while (machine.fibers.size() < static_cast<std::size_t>(threads)) {
    machine.fibers.emplace_back();
  }
  for (const int block : order(blocks)) {
    block_index.x = static_cast<unsigned>(block);
    machine.shared.assign(shared + kGuard, kPoison);
    run_block();
    for (std::size_t i = shared; i < shared + kGuard; ++i) {
      if (machine.shared[i] != kPoison) {
        throw std::runtime_error("block " + std::to_string(block) +
                                 " wrote beyond its shared memory");
      }
    }
  }
}

}  // namespace simulator

extern "C" {

void igf_simulator_schedule(int schedule, unsigned long long seed) {
  simulator::machine.schedule = static_cast<simulator::Schedule>(schedule);
  simulator::machine.random.seed(seed);
}

int igf_simulator_site_count(void) { return static_cast<int>(simulator::sites().size()); }

void igf_simulator_describe_site(int index, char* text, int size) {
  const auto site = std::next(simulator::sites().begin(), index);
  std::snprintf(text, static_cast<std::size_t>(size), "%s", simulator::place(*site).c_str());
}

void igf_simulator_disable_site(int index, int disabled) {
  std::next(simulator::sites().begin(), index)->disabled = disabled != 0;
}
}
