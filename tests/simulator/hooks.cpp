// What -fsanitize=thread makes the compiler call at every access to memory: here not the sanitizer,
// which knows neither fibers nor barriers, but the simulator.
#include <cstddef>
#include <cstdint>

#include "accesses.h"

using simulator::Access;
using simulator::report_access;

#define IGF_HOOK(name, size, access) \
  void name(const void* address) { report_access(address, size, access); }

extern "C" {

IGF_HOOK(__tsan_read1, 1, Access::kRead)
IGF_HOOK(__tsan_read2, 2, Access::kRead)
IGF_HOOK(__tsan_read4, 4, Access::kRead)
IGF_HOOK(__tsan_read8, 8, Access::kRead)
IGF_HOOK(__tsan_read16, 16, Access::kRead)
IGF_HOOK(__tsan_write1, 1, Access::kWrite)
IGF_HOOK(__tsan_write2, 2, Access::kWrite)
IGF_HOOK(__tsan_write4, 4, Access::kWrite)
IGF_HOOK(__tsan_write8, 8, Access::kWrite)
IGF_HOOK(__tsan_write16, 16, Access::kWrite)
IGF_HOOK(__tsan_unaligned_read2, 2, Access::kRead)
IGF_HOOK(__tsan_unaligned_read4, 4, Access::kRead)
IGF_HOOK(__tsan_unaligned_read8, 8, Access::kRead)
IGF_HOOK(__tsan_unaligned_read16, 16, Access::kRead)
IGF_HOOK(__tsan_unaligned_write2, 2, Access::kWrite)
IGF_HOOK(__tsan_unaligned_write4, 4, Access::kWrite)
IGF_HOOK(__tsan_unaligned_write8, 8, Access::kWrite)
IGF_HOOK(__tsan_unaligned_write16, 16, Access::kWrite)
void __tsan_read_range(const void* address, unsigned long size) {
  report_access(address, size, Access::kRead);
}
void __tsan_write_range(const void* address, unsigned long size) {
  report_access(address, size, Access::kWrite);
}
void __tsan_vptr_update(void**, void*) {}
void __tsan_func_entry(void*) {}
void __tsan_func_exit(void) {}
void __tsan_init(void) {}
}
