// y = erf(x).
//
// All arrays: [n]. Launch: grid-stride. Traffic: a read and a write per function value.
#include "kernel.cuh"

extern "C" __global__ void error_function(const T* __restrict__ x, T* __restrict__ y, int64 n) {
  FOR_EACH(i, n) y[i] = erf(x[i]);
}
