// AVX-512 loops (F, BW, DQ, VL). This file alone is compiled for them: it must define nothing that
// the linker could share with other files, so it calls no inline function of a header but
// intrinsics.
#include "cpu/groups_avx512.h"
#include "cpu/lanes_avx512.h"
#include "cpu/pair_lanes_avx512.h"
#include "cpu/place_avx512.h"
#include "cpu/sums_avx512.h"
#include "cpu/vector_loops.h"

namespace igfast {

const Kernels& avx512_kernels() { return vector_kernels<Isa::kAvx512>(); }

}  // namespace igfast
