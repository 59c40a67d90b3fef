// x[n, c, i] = sum over m, t of w[m, c, t] g[n, m, o] with o * stride - before + t * dilation = i, as an implicit GEMM.
//
// g: [batch, groups * mg, out]; packed: w as [groups, taps, mg, cg], filled up with 0 (see tiled.cuh);
// x: [parts, batch, groups * cg, size], which the caller adds up over its first axis. The rows of the GEMM are the channels
// of x. Which taps reach position i depends only on the residue of i + before modulo the stride. All pixels of a block have
// the same residue, so that no product with a zero is computed, of those that a stride inserts between the elements of g.
// The pixels of a residue that no tap reaches are filled with zeros.
// Launch: grid (ceil(batch * prod ceil(size / stride) / BN), ceil(cg / BM), groups * prod strides * parts), block 256.
// 2 mg cg taps operations per output position; g is read ceil(cg / BM) * taps times, all but the first time from L2.
#include "tiled.cuh"

// One axis of x with the positions first, first + stride, .. below size, which have the same residue.
__device__ __forceinline__ Axis residue_axis(const Window& w, int i, int first) {
  const int pixels = first < w.size[i] ? (w.size[i] - 1 - first) / w.strides[i] + 1 : 0;
  return {seers(w, i, first), pixels, first, w.strides[i], 1, w.out[i], w.size[i], w.kernel[i]};
}

extern "C" __global__ void __launch_bounds__(THREADS, RESIDENT)
conv_adjoint_tiled(const T* __restrict__ g, const T* __restrict__ packed, T* __restrict__ x, int batch, int groups, int cg,
                   int mg, int parts, const Window win) {
  __shared__ Task task;
  if (threadIdx.x == 0) {
    const int part = blockIdx.z % parts, rest = blockIdx.z / parts, residues = volume(win.strides);
    const Place first = unravel(rest % residues, win.strides);
    task = {{residue_axis(win, 0, first.at[0]), residue_axis(win, 1, first.at[1]), residue_axis(win, 2, first.at[2])},
            batch, cg, mg, groups, rest / residues, part, parts};
  }
  __syncthreads();
  implicit_gemm(task, packed, g, x);
}
