// out = r / (z + eps * (z >= 0 ? 1 : -1)), and 0 where that denominator is 0: the stabilised share of relevance.
//
// All arrays: [n]. Launch: grid-stride. Traffic: two reads and a write per division.
#include "kernel.cuh"

extern "C" __global__ void ratio(const T* __restrict__ r, const T* __restrict__ z, T* __restrict__ out, T eps, int64 n) {
  FOR_EACH(i, n) {
    const T d = z[i] + (z[i] >= 0 ? eps : -eps);
    out[i] = d == 0 ? T(0) : r[i] / d;
  }
}
