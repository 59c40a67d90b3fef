// y[p, u, v] = bilinear interpolation of x[p] at ((u + 1/2) h / H - 1/2, (v + 1/2) w / W - 1/2), edges repeated.
//
// x: [planes, h, w]; y: [planes, H, W]: half-pixel centres, as Resize "linear" and "half_pixel". Coordinates in double.
// Launch: grid-stride over y. Traffic: one write of y; x comes from cache.
#include "kernel.cuh"

// The pixel before a coordinate, the one behind it, and how far it lies towards that.
struct Between {
  int low, high;
  T part;
};

__device__ __forceinline__ Between between(int i, int from, int to) {
  double at = (i + 0.5) * from / to - 0.5;
  at = at < 0 ? 0 : at;
  const int low = (int)at < from - 1 ? (int)at : from - 1;
  return {low, low + 1 < from ? low + 1 : low, T(at - low)};
}

extern "C" __global__ void upsample_bilinear(const T* __restrict__ x, T* __restrict__ y, int64 planes, int h, int w, int H,
                                             int W) {
  FOR_EACH(e, planes * H * W) {
    const Between u = between(e / W % H, h, H), v = between(e % W, w, W);
    const T* plane = x + e / W / H * h * w;
    const T top = (1 - v.part) * plane[u.low * w + v.low] + v.part * plane[u.low * w + v.high];
    const T bottom = (1 - v.part) * plane[u.high * w + v.low] + v.part * plane[u.high * w + v.high];
    y[e] = (1 - u.part) * top + u.part * bottom;
  }
}
