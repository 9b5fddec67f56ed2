// AVX2 loops. This file alone is compiled for AVX2 and F16C: it must define nothing that the
// linker could share with other files, so it calls no inline function of a header but intrinsics.
#include "cpu/groups_avx2.h"
#include "cpu/lanes_avx2.h"
#include "cpu/pair_lanes_avx2.h"
#include "cpu/place_avx2.h"
#include "cpu/sums_avx2.h"
#include "cpu/vector_loops.h"

namespace igfast {

const Kernels& avx2_kernels() { return vector_kernels<Isa::kAvx2>(); }

}  // namespace igfast
