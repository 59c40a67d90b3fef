// The geometry of a sliding window over 3 spatial axes. A window over fewer axes gets axes of length 1 in front, see
// README.md, where the fields of Window are explained.
//
// A tap is a position within the kernel. On each axis, output position o and tap t meet at the input position
// i = o * stride - before + t * dilation.
#pragma once
#include "kernel.cuh"

struct Window {
  int size[3], out[3], kernel[3], strides[3], dilations[3], before[3];
};

// A position along the three axes.
struct Place {
  int at[3];
};

// The taps that meet at a position along one axis, and where each leads to on the other side, the input or the output:
// for k < count, tap + k * tap_step leads to position at + k * at_step. Some of these positions may lie outside.
struct Line {
  int tap, tap_step, at, at_step, count;
};

// The number of positions in a box of lengths n.
__device__ __forceinline__ int64 volume(const int (&n)[3]) { return (int64)n[0] * n[1] * n[2]; }

// The place of flat position i in a box of lengths n. `int` is enough, because a plane, one channel of one image, holds
// fewer than 2^31 elements.
__device__ __forceinline__ Place unravel(int i, const int (&n)[3]) {
  return {i / n[2] / n[1], i / n[2] % n[1], i % n[2]};
}

// What the window at output position o sees of the input: every tap, one dilation apart.
__device__ __forceinline__ Line seen(const Window& w, int axis, int o) {
  return {0, 1, o * w.strides[axis] - w.before[axis], w.dilations[axis], w.kernel[axis]};
}

// The windows that see input position i: their taps t are those for which i + before - t * dilation is a multiple of the
// stride. These taps are equally spaced, so that no other tap needs to be tried; with dilation 1 the first one is known
// without a search.
__device__ __forceinline__ Line seers(const Window& w, int axis, int i) {
  const int stride = w.strides[axis], dilation = w.dilations[axis], last = w.kernel[axis] - 1, far = i + w.before[axis];
  int tap = far % stride, step = stride, hop = 1;
  if (dilation > 1) {
    for (tap = 0; tap <= last && (far - tap * dilation) % stride;) ++tap;
    for (step = 1; step * dilation % stride;) ++step;
    hop = step * dilation / stride;
  }
  return {tap, step, (far - tap * dilation) / stride, -hop, tap <= last ? (last - tap) / step + 1 : 0};
}

// Calls meet(flat tap, flat position on the other side) for every tap at place p that leads inside, in order of the taps.
// `lead` is `seen` or `seers`; n are the lengths of the side to which it leads.
template <class Lead, class Meet>
__device__ __forceinline__ void each_tap(const Window& w, const Place& p, const int (&n)[3], Lead lead, Meet meet) {
  const Line x = lead(w, 0, p.at[0]), y = lead(w, 1, p.at[1]), z = lead(w, 2, p.at[2]);
  for (int a = 0; a < x.count; ++a) {
    const int i = x.at + a * x.at_step;
    if (i < 0 || i >= n[0]) continue;
    for (int b = 0; b < y.count; ++b) {
      const int j = y.at + b * y.at_step;
      if (j < 0 || j >= n[1]) continue;
      const int tap = ((x.tap + a * x.tap_step) * w.kernel[1] + y.tap + b * y.tap_step) * w.kernel[2] + z.tap;
      const int row = (i * n[1] + j) * n[2];
      for (int c = 0; c < z.count; ++c) {
        const int k = z.at + c * z.at_step;
        if (k >= 0 && k < n[2]) meet(tap + c * z.tap_step, row + k);
      }
    }
  }
}
