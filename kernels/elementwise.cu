// out[i] = value(e, reads(e, i)): a chain of functions of one element, in one pass over memory.
//
// The engine writes the chain in place of expression.cuh, from what a rule computed with the operators of `Namespace` and
// the functions of functions.cuh: gates, ratios, quotients, products at a midpoint, sums of messages, the element-wise parts
// of norms. out: [n]. Compile with -fmad=false: products are rounded before they are added, as NumPy rounds them, so that
// a*b less a product that was rounded before is 0. Launch: grid-stride over ceil(n / BATCH), block 256.
// Traffic: one read of each operand, one write. A thread reads its BATCH elements, a grid apart, before it computes the
// first, one behind the end as the first once more: a branch between two reads would leave too few under way to fill the
// memory's pipe.
#include "expression.cuh"

#ifndef BATCH
#define BATCH 4
#endif

extern "C" __global__ void __launch_bounds__(256) elementwise(const Expression e, Result* __restrict__ out, int64 n) {
  const int64 threads = (int64)gridDim.x * blockDim.x;
#pragma unroll 1  // nearly every thread comes round once; to unroll, it would divide to know how often
  for (int64 first = blockIdx.x * (int64)blockDim.x + threadIdx.x; first < n; first += BATCH * threads) {
    Reads r[BATCH];
#pragma unroll
    for (int k = 0; k < BATCH; ++k) r[k] = reads(e, first + k * threads < n ? first + k * threads : first);
#pragma unroll
    for (int k = 0; k < BATCH; ++k)
      if (first + k * threads < n) out[first + k * threads] = value(e, r[k]);
  }
}
