// out[i] = value(e, reads(e, i)): a chain of functions of one element, in one pass over memory.
//
// The engine writes the chain in place of expression.cuh, from what a rule computes with operators and with the functions
// of functions.cuh: gates, ratios, difference quotients, sums of messages, the element-wise parts of norms. out: [n].
// Compile with -fmad=false. Products are then rounded before they are added, as in NumPy, so that a*b minus the same
// product, which has been rounded and stored before, is 0. Launch: grid-stride over ceil(n / BATCH), block 256.
// Traffic: one read of each operand, one write. A thread reads its BATCH elements, which lie as far apart as the grid has
// threads, before it computes the first one. In the place of an element behind the end it reads the first one once more:
// a branch between two reads would let too few of them be under way at once to use the bandwidth of the memory.
#include "expression.cuh"

#ifndef BATCH
#define BATCH 4
#endif

extern "C" __global__ void __launch_bounds__(256) elementwise(const Expression e, Result* __restrict__ out, int64 n) {
  const int64 threads = (int64)gridDim.x * blockDim.x;
#pragma unroll 1  // most threads run this loop once, and to unroll it takes a division that finds out how often
  for (int64 first = blockIdx.x * (int64)blockDim.x + threadIdx.x; first < n; first += BATCH * threads) {
    Reads r[BATCH];
#pragma unroll
    for (int k = 0; k < BATCH; ++k) r[k] = reads(e, first + k * threads < n ? first + k * threads : first);
#pragma unroll
    for (int k = 0; k < BATCH; ++k)
      if (first + k * threads < n) out[first + k * threads] = value(e, r[k]);
  }
}
