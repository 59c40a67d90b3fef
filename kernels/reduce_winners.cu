// winners[k] = flat position in x of the first maximum over the reduced axes, where a NaN counts as a maximum.
//
// x: contiguous, so that places in memory are flat positions, in the order of the reduced axes. winners: contiguous, the
// kept axes in order. `lanes`: 1, 2, 4, .. 256 threads per output. Launch: as reduce_sum. Traffic: one read of x.
#include "axes.cuh"

// Whether the element of value v at position i wins against that of value u at j. A position of -1 means no element.
__device__ __forceinline__ bool beats(T v, int64 i, T u, int64 j) {
  if (i < 0 || j < 0) return j < 0;
  const bool nan = v != v, other = u != u;
  if (nan || other) return nan && (!other || i < j);
  return v > u || (v == u && i < j);
}

extern "C" __global__ void __launch_bounds__(THREADS)
reduce_winners(const T* __restrict__ x, int64* __restrict__ winners, const Axes a, int lanes, int across) {
  __shared__ T value[THREADS];
  __shared__ int64 position[THREADS];
  const Lane me = my_lane(lanes, across);
  const int64 outputs = product(a.kept), per_block = THREADS / lanes;
  for (int64 first = blockIdx.x * per_block; first < outputs; first += gridDim.x * per_block) {
    const int64 k = first + me.output;
    T best = 0;
    int64 winner = -1;
    const auto consider = [&](T v, int64 i) {
      if (beats(v, i, best, winner)) best = v, winner = i;
    };
    if (k < outputs) each_term(a, k, me.lane, lanes, [&](int64 i) { consider(x[i], i); });
    value[me.slot] = best;
    position[me.slot] = winner;
    join_lanes(me, lanes, [&](int mine, int other) {
      if (beats(value[other], position[other], value[mine], position[mine]))
        value[mine] = value[other], position[mine] = position[other];
    });
    if (me.lane == 0 && k < outputs) winners[k] = position[me.slot];
    __syncthreads();
  }
}
