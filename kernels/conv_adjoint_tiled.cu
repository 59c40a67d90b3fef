// x[n, c, i] = sum over m, t of w[m, c, t] g[n, m, o] with o * stride - before + t * dilation = i, as an implicit GEMM.
//
// g: [batch, groups * mg, out]; packed: w as [groups, taps, mg, cg], filled up with 0;
// x: [parts, batch, groups * cg, size], to be added over its first axis. Rows are input channels. Which taps reach i
// depends on (i + before) mod stride alone: a block takes the pixels of one such residue, so that a stride multiplies no
// zeros; a residue that no tap reaches is filled with zeros.
// Launch: grid (ceil(batch * prod ceil(size / stride) / BN), ceil(cg / BM), groups * prod strides * parts), block 256.
// 2 mg cg taps operations per output position; g is read ceil(cg / BM) * taps times, from L2 but for the first.
#include "tiled.cuh"

// The input positions first, first + stride, .. below size, of one residue.
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
