// y[n, m, o] = sum over c, t of w[m, c, t] x[n, c, o * stride - before + t * dilation], as an implicit GEMM (tiled.cuh).
//
// x: [batch, groups * cg, size]; packed: w as [groups, taps, cg, mg], filled up with 0;
// y: [parts, batch, groups * mg, out], which the caller adds up over its first axis. The rows of the GEMM are the channels
// of y, the pixels the positions of y in all images.
// Launch: grid (ceil(batch * out / BN), ceil(mg / BM), groups * parts), block 256.
// 2 mg cg taps operations per output position; x is read ceil(mg / BM) * taps times, all but the first time from L2.
#include "tiled.cuh"

// One axis of y, whose neighbouring pixels lie one stride apart in x.
__device__ __forceinline__ Axis output_axis(const Window& w, int i) {
  return {seen(w, i, 0), w.out[i], 0, 1, w.strides[i], w.size[i], w.out[i], w.kernel[i]};
}

extern "C" __global__ void __launch_bounds__(THREADS, RESIDENT)
conv_tiled(const T* __restrict__ x, const T* __restrict__ packed, T* __restrict__ y, int batch, int groups, int cg, int mg,
           int parts, const Window win) {
  __shared__ Task task;
  if (threadIdx.x == 0) {
    const int part = blockIdx.z % parts, group = blockIdx.z / parts;
    task = {{output_axis(win, 0), output_axis(win, 1), output_axis(win, 2)}, batch, mg, cg, groups, group, part, parts};
  }
  __syncthreads();
  implicit_gemm(task, packed, x, y);
}
