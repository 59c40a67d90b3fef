// winners[p, o] = flat position, in the whole tensor x, of the first maximum of window o; the padding never wins.
//
// x: [planes, size], planes = N * C; winners: [planes, out]. The result is -1 where a window lies in the padding alone. A
// NaN wins only as the first element of its window, because no comparison with it holds. Launch: grid-stride over
// planes * out.
// Traffic: x once, where windows overlap from cache; 8 bytes written per window.
#include "window.cuh"

extern "C" __global__ void pool_winners(const T* __restrict__ x, int64* __restrict__ winners, int64 planes, const Window w) {
  const int64 out = volume(w.out), size = volume(w.size);
  FOR_EACH(e, planes * out) {
    const int64 plane = e / out * size;
    T best = 0;
    int64 winner = -1;
    each_tap(w, unravel(e % out, w.out), w.size, seen, [&](int, int64 i) {
      const T v = x[plane + i];
      if (winner < 0 || v > best) best = v, winner = plane + i;
    });
    winners[e] = winner;
  }
}
