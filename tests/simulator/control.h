// What tests control: the schedule, and mutations.
#ifndef IGFAST_SIMULATOR_CONTROL_H
#define IGFAST_SIMULATOR_CONTROL_H

namespace simulator {

enum class Schedule { kForward = 0, kReverse = 1, kRandom = 2 };

}  // namespace simulator

#define IGF_VISIBLE __attribute__((visibility("default")))

extern "C" {
IGF_VISIBLE void igf_simulator_schedule(int schedule, unsigned long long seed);
// Sites are listed once a kernel has reached them.
IGF_VISIBLE int igf_simulator_site_count(void);
IGF_VISIBLE void igf_simulator_describe_site(int index, char* text, int size);
// A disabled barrier is left out; a disabled shuffle has one lane with a wrong mask.
IGF_VISIBLE void igf_simulator_disable_site(int index, int disabled);
// What streams were told since the last call, such as "mark 7;wait 9;mark 9;".
IGF_VISIBLE const char* igf_simulator_orders(void);
// Whether streams say that a graph captures them.
IGF_VISIBLE void igf_simulator_capture(int captured);
// An idle device leaves kernels and clearing out: what is left is the host's work.
IGF_VISIBLE void igf_simulator_idle(int idle);
// Multiprocessors and shared memory per block of the simulated device.
IGF_VISIBLE void igf_simulator_device(int multiprocessors, unsigned long long shared);
}

#endif
