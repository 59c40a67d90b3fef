// y = 1 / (1 + exp(-x)); the exponent is never positive, so that nothing overflows and small values keep their digits.
//
// All arrays: [n]. Launch: grid-stride. Traffic: a read and a write per exponential.
#include "kernel.cuh"

extern "C" __global__ void sigmoid(const T* __restrict__ x, T* __restrict__ y, int64 n) {
  FOR_EACH(i, n) {
    const T e = exp(x[i] < 0 ? x[i] : -x[i]);
    y[i] = (x[i] < 0 ? e : T(1)) / (1 + e);
  }
}
