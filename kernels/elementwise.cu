// out[i] = value(e, i): a chain of functions of one element, in one pass over memory.
//
// The engine writes the chain in place of expression.cuh, from what a rule computed with the operators of `Namespace` and
// the functions of functions.cuh: gates, ratios, quotients, products at a midpoint, sums of messages, the element-wise parts
// of norms. out: [n]. Compile with -fmad=false: products are rounded before they are added, as NumPy rounds them, so that
// a*b - a*b is 0. Launch: grid-stride over ceil(n / 4), block 256.
// Traffic: one read of each operand, one write. A thread reads its 4 elements, a grid apart, before it writes the first:
// so enough reads are under way to fill the memory's pipe.
#include "expression.cuh"

constexpr int BATCH = 4;

extern "C" __global__ void __launch_bounds__(256) elementwise(const Expression e, Result* __restrict__ out, int64 n) {
  const int64 threads = (int64)gridDim.x * blockDim.x;
  for (int64 first = blockIdx.x * (int64)blockDim.x + threadIdx.x; first < n; first += BATCH * threads) {
    Result held[BATCH];
#pragma unroll
    for (int k = 0; k < BATCH; ++k)
      if (first + k * threads < n) held[k] = value(e, first + k * threads);
#pragma unroll
    for (int k = 0; k < BATCH; ++k)
      if (first + k * threads < n) out[first + k * threads] = held[k];
  }
}
