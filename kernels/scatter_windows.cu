// x[i] = sum of g[o] over the windows o that element i won: the adjoint of taking the elements of x at pool_winners.
//
// g, winners: [planes, out]; x: [planes, size]. The thread of an element looks at the windows that contain it, in order of
// the taps, so that no two threads add to one place. Launch: grid-stride over planes * size.
// Traffic: winners and g once, where windows overlap from cache; one write of x.
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
