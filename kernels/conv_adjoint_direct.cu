// x[n, c, i] = sum over m, t of w[m, c, t] g[n, m, o] with o * stride - before + t * dilation = i, m within the group.
//
// g: [batch, groups * mg, out]; w: [groups * mg, cg, taps]; x: [batch, groups * cg, size]. Each thread gathers the terms of
// an element of x, always in the same order and without atomic additions. Launch: grid-stride over x.
// Per element: 2 mg taps / (product of the strides) operations.
#include "window.cuh"

extern "C" __global__ void conv_adjoint_direct(const T* __restrict__ g, const T* __restrict__ w, T* __restrict__ x,
                                               int64 batch, int groups, int cg, int mg, const Window win) {
  const int64 out = volume(win.out), size = volume(win.size), taps = volume(win.kernel);
  const int64 channels = (int64)groups * cg;
  FOR_EACH(e, batch * channels * size) {
    const int64 c = e / size % channels, n = e / size / channels;
    const T* from = g + (n * groups + c / cg) * mg * out;
    const T* weights = w + (c / cg * mg * cg + c % cg) * taps;
    T sum = 0;
    each_tap(win, unravel(e % size, win.size), win.out, seers, [&](int tap, int64 o) {
      for (int m = 0; m < mg; ++m) sum += weights[m * cg * taps + tap] * from[m * out + o];
    });
    x[e] = sum;
  }
}
