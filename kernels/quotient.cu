// out = near ? slope : dy / dx, the difference quotient of DeepLIFT; dx may be 0 where `near` holds.
//
// All arrays: [n]. Launch: grid-stride. Traffic: 13 bytes read (float) and 4 written per element.
#include "kernel.cuh"

extern "C" __global__ void quotient(const T* __restrict__ dy, const T* __restrict__ dx, const bool* __restrict__ near,
                                    const T* __restrict__ slope, T* __restrict__ out, int64 n) {
  FOR_EACH(i, n) out[i] = near[i] ? slope[i] : dy[i] / dx[i];
}
