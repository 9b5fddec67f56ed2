// Threads as fibers: each has a stack of its own, and runs until it ends its turn.
#include <ucontext.h>

#include "machine.h"

namespace simulator {

Machine machine;
Dim3 thread_index{0, 0, 0};
Dim3 block_index{0, 0, 0};

// Neither saves the signal mask: a switch costs no system call.
void end_turn() {
  Fiber& fiber = *machine.running;
  if (_setjmp(fiber.here) == 0) {
    _longjmp(machine.scheduler, 1);
  }
}

namespace {

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

}  // namespace

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

}  // namespace simulator
