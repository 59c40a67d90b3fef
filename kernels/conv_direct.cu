// y[n, m, o] = sum over c, t of w[m, c, t] x[n, c, o * stride - before + t * dilation], c within the group of m.
//
// x: [batch, groups * cg, size]; w: [groups * mg, cg, taps]; y: [batch, groups * mg, out]. One thread computes one output.
// This is for depthwise convolutions and for few channels, where the outputs of a GEMM would share few reads.
// Launch: grid-stride over y.
// Per output: 2 cg taps operations and as many reads; of those of x, all but 1 / mg come from cache.
#include "window.cuh"

extern "C" __global__ void conv_direct(const T* __restrict__ x, const T* __restrict__ w, T* __restrict__ y, int64 batch,
                                       int groups, int cg, int mg, const Window win) {
  const int64 out = volume(win.out), size = volume(win.size), taps = volume(win.kernel);
  const int64 channels = (int64)groups * mg;
  FOR_EACH(e, batch * channels * out) {
    const int64 m = e / out % channels, n = e / out / channels;
    const T* from = x + (n * groups + m / mg) * cg * size;
    const T* weights = w + m * cg * taps;
    T sum = 0;
    each_tap(win, unravel(e % out, win.out), win.size, seen, [&](int tap, int64 i) {
      for (int c = 0; c < cg; ++c) sum += weights[c * taps + tap] * from[c * size + i];
    });
    y[e] = sum;
  }
}
