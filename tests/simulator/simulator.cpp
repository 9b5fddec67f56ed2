#include "simulator.h"

#include <setjmp.h>
#include <ucontext.h>

#include <cstdio>
#include <list>
#include <map>
#include <memory>
#include <random>
#include <stdexcept>
#include <utility>
#include <vector>

#include "accesses.h"
#include "control.h"

namespace simulator {

Dim3 thread_index{0, 0, 0};
Dim3 block_index{0, 0, 0};
bool idle = false;

namespace {

constexpr std::size_t kStack = 64 * 1024;
constexpr std::size_t kGuard = 64;
constexpr unsigned char kPoison = 0xa5;
constexpr int kWarp = 32;
constexpr std::size_t kBlocksInFlight = 3;

enum class State { kReady, kAtBarrier, kInExchange, kDone };

struct Block;

// A fiber outlives the thread it runs and takes the next one.
struct Fiber {
  std::unique_ptr<char[]> stack{new char[kStack]};
  jmp_buf here;
  bool started = false;
  State state = State::kDone;
  Block* block = nullptr;
  int thread = 0;
  std::uint32_t fences = 0;
  Site* site = nullptr;  // where it meets others, or last met them
  unsigned mask = 0;
  std::uint64_t bits = 0;
  int source = 0;
};

struct Block {
  int index = 0;
  std::vector<unsigned char> shared;
  std::vector<std::unique_ptr<Fiber>> fibers;
};

struct Warp {
  Block* block;
  int first;  // thread
};

struct Machine {
  Schedule schedule = Schedule::kForward;
  std::mt19937_64 random;
  int threads = 0;
  Fiber* running = nullptr;
  jmp_buf scheduler;
  std::list<Block> in_flight;
  std::list<Block> idle;    // with fibers to use again
  std::vector<Warp> turns;  // warps in flight, the most urgent first
  const std::function<void()>* kernel = nullptr;
  std::string failure;
  Races races;
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

// Neither saves the signal mask: a switch costs no system call.
void end_turn() {
  Fiber& fiber = *machine.running;
  if (_setjmp(fiber.here) == 0) {
    _longjmp(machine.scheduler, 1);
  }
}

void fiber_main() {
  for (;;) {
    (*machine.kernel)();
    machine.running->state = State::kDone;
    end_turn();
  }
}

void start(Fiber& fiber) {
  ucontext_t context;
  getcontext(&context);
  context.uc_stack.ss_sp = fiber.stack.get();
  context.uc_stack.ss_size = kStack;
  context.uc_link = nullptr;
  makecontext(&context, fiber_main, 0);
  fiber.started = true;
  setcontext(&context);
}

void resume(Fiber& fiber) {
  machine.running = &fiber;
  thread_index.x = static_cast<unsigned>(fiber.thread);
  block_index.x = static_cast<unsigned>(fiber.block->index);
  if (_setjmp(machine.scheduler) == 0) {
    if (fiber.started) {
      _longjmp(fiber.here, 1);
    }
    start(fiber);
  }
  machine.running = nullptr;
}

Stamp stamp_of(const Fiber& fiber) {
  const int block = fiber.block->index;
  return {block, fiber.thread, machine.races.epoch(block), fiber.fences};
}

void fail(const std::string& why) {
  if (machine.failure.empty()) {
    const Site* site = machine.running->site;
    machine.failure = "race: " + why + (site != nullptr ? ", after " + place(*site) : "");
  }
}

Fiber& fiber_of(const Warp& warp, int lane) {
  return *warp.block->fibers[static_cast<std::size_t>(warp.first + lane)];
}

int lanes_of(const Warp& warp) { return std::min(kWarp, machine.threads - warp.first); }

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

int igf_simulator_site_count(void) { return static_cast<int>(simulator::sites().size()); }

void igf_simulator_describe_site(int index, char* text, int size) {
  const auto site = std::next(simulator::sites().begin(), index);
  std::snprintf(text, static_cast<std::size_t>(size), "%s", simulator::place(*site).c_str());
}

void igf_simulator_disable_site(int index, int disabled) {
  std::next(simulator::sites().begin(), index)->disabled = disabled != 0;
}
}
