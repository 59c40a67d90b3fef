// out = c ? x : y; a null x or y stands for the scalar a or b: the gate of every rectifier, without arrays of constants.
//
// All arrays: [n]. Launch: grid-stride. Traffic: 1 byte read and 4 written (float) per element between two scalars.
#include "kernel.cuh"

extern "C" __global__ void where(const bool* __restrict__ c, const T* __restrict__ x, T a, const T* __restrict__ y, T b,
                                 T* __restrict__ out, int64 n) {
  FOR_EACH(i, n) out[i] = c[i] ? (x ? x[i] : a) : (y ? y[i] : b);
}
