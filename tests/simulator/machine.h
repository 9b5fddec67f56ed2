// The simulated machine: threads as fibers, blocks in flight, and whose turn it is.
#ifndef IGFAST_SIMULATOR_MACHINE_H
#define IGFAST_SIMULATOR_MACHINE_H

#include <setjmp.h>

#include <functional>
#include <list>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "control.h"
#include "races.h"
#include "simulator.h"

namespace simulator {

constexpr std::size_t kStack = 64 * 1024;
constexpr std::size_t kGuard = 64;
constexpr unsigned char kPoison = 0xa5;
constexpr int kWarp = 32;

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

extern Machine machine;

inline Fiber& fiber_of(const Warp& warp, int lane) {
  return *warp.block->fibers[static_cast<std::size_t>(warp.first + lane)];
}

inline int lanes_of(const Warp& warp) { return std::min(kWarp, machine.threads - warp.first); }

// fibers.cpp: switching between threads and the scheduler.
void end_turn();
void resume(Fiber& fiber);
Stamp stamp_of(const Fiber& fiber);

// sites.cpp
std::string place(const Site& site);

// meetings.cpp: both say whether any thread may go on.
bool release_barrier(Block& block);
bool release_exchanges(const Warp& warp);
std::string describe_deadlock();

}  // namespace simulator

#endif
