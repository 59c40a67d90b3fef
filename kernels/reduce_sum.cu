// y[k] = sum of x over the reduced axes, in double. Element i of x is value(e, reads(e, i)): an array or a chain of functions.
//
// x: its axes are those of `a`; y: contiguous, the kept axes in order. `lanes`: 1, 2, 4, .. 256 threads per output.
// Launch: grid (min(ceil(outputs / (256 / lanes)), 2^20)), block 256. Compile with -fmad=false, as elementwise.cu.
// Traffic: one read of each operand of x. The reads are coalesced where `across` is set as axes.cuh says.
#include "axes.cuh"
#include "expression.cuh"

extern "C" __global__ void __launch_bounds__(THREADS)
reduce_sum(const Expression e, T* __restrict__ y, const Axes a, int lanes, int across) {
  __shared__ double part[THREADS];
  const Lane me = my_lane(lanes, across);
  const int64 outputs = product(a.kept), per_block = THREADS / lanes;
  for (int64 first = blockIdx.x * per_block; first < outputs; first += gridDim.x * per_block) {
    const int64 k = first + me.output;
    double sum = 0;
    if (k < outputs) each_term(a, k, me.lane, lanes, [&](int64 i) { sum += value(e, reads(e, i)); });
    part[me.slot] = sum;
    join_lanes(me, lanes, [&](int mine, int other) { part[mine] += part[other]; });
    if (me.lane == 0 && k < outputs) y[k] = (T)part[me.slot];
    __syncthreads();
  }
}
