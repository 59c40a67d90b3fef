// x[i] = sum of g[o] over the windows o that i won: the adjoint of picking x at pool_winners, as a gather.
//
// g, winners: [planes, out]; x: [planes, size]. Every element looks at the windows that contain it, in order of taps, so
// that no two threads add to one place. Launch: grid-stride over planes * size.
// Traffic: winners and g once, overlaps from cache; one write of x.
#include "window.cuh"

extern "C" __global__ void scatter_windows(const T* __restrict__ g, const int64* __restrict__ winners, T* __restrict__ x,
                                           int64 planes, const Window w) {
  const int64 out = volume(w.out), size = volume(w.size);
  FOR_EACH(e, planes * size) {
    const int64 plane = e / size * out;
    T sum = 0;
    each_tap(w, unravel(e % size, w.size), w.out, seers, [&](int, int64 o) {
      if (winners[plane + o] == e) sum += g[plane + o];
    });
    x[e] = sum;
  }
}
