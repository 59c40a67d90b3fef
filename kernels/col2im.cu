// x[p, i] = sum over taps t of columns[p, t, o] with o * stride - before + t * dilation = i: the transpose of im2col.
//
// columns: [planes, taps, out], the product of w^T [G, C/G * taps, M/G] and g [N, G, M/G, out]; x: [planes, size].
// Each thread gathers the taps of an element of x, sums them in order, and writes the element once.
// Launch: grid-stride over planes * size.
// Traffic: one read of columns, one write of x; 1 addition per 4 bytes.
#include "window.cuh"

extern "C" __global__ void col2im(const T* __restrict__ columns, T* __restrict__ x, int64 planes, const Window w) {
  const int64 out = volume(w.out), size = volume(w.size), taps = volume(w.kernel);
  FOR_EACH(e, planes * size) {
    const T* plane = columns + e / size * taps * out;
    T sum = 0;
    each_tap(w, unravel(e % size, w.size), w.out, seers, [&](int tap, int64 o) { sum += plane[tap * out + o]; });
    x[e] = sum;
  }
}
