// columns[p, t, o] = x[p, o * stride - before + t * dilation], 0 in the padding.
//
// x: [planes, size], planes = N * C; columns: [planes, taps, out]. The GEMM of w as [G, M/G, C/G * taps] with the columns as
// [N, G, C/G * taps, out] is the convolution [N, G, M/G, out]. Launch: grid-stride over planes * taps * out.
// Traffic: taps * out / size times as much is written as is read; repeated reads of x come from cache.
#include "window.cuh"

extern "C" __global__ void im2col(const T* __restrict__ x, T* __restrict__ columns, int64 planes, const Window w) {
  const int64 out = volume(w.out), size = volume(w.size), taps = volume(w.kernel);
  FOR_EACH(e, planes * taps * out) {
    const Place o = unravel(e % out, w.out), t = unravel(e / out % taps, w.kernel);
    int64 i = 0;
    bool inside = true;
    for (int axis = 0; axis < 3; ++axis) {
      const Line line = seen(w, axis, o.at[axis]);
      const int at = line.at + t.at[axis] * line.at_step;
      inside = inside && at >= 0 && at < w.size[axis];
      i = i * w.size[axis] + at;
    }
    columns[e] = inside ? x[e / out / taps * size + i] : T(0);
  }
}
