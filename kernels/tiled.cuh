// Implicit GEMM: out[row, pixel] = sum over taps t and channels k of packed[t, k, row] * source[k, place(pixel, t)].
//
// A block of 256 threads computes BM rows by BN pixels, a thread BM/16 by BN/16 of them in registers. Slices of BK channels
// of one tap pass through two stages of shared memory: while one is multiplied, the next is on its way, so that a step
// needs a single barrier. Convolution and adjoint differ only in the places that pixels and taps lead to (struct Axis).
// Per step and thread: BK * (BM/16) * (BN/16) fused multiply-adds on BK * (BM + BN) / 256 elements from global memory.
#pragma once
#include "window.cuh"

#ifndef BM
#define BM 128
#endif
#ifndef BN
#define BN 128
#endif
#ifndef BK
#define BK 8
#endif

constexpr int THREADS = 256, TM = BM / 16, TN = BN / 16;
// Blocks per multiprocessor, which bounds the registers of a thread: 128 hold the sums and slices of the large tile.
constexpr int RESIDENT = sizeof(T) > 4 ? 1 : BM * BN > 64 * 64 ? 2 : 3;
static_assert((BM == 64 || BM == 128) && (BN == 64 || BN == 128) && BK % 4 == 0, "a slice is whole elements of every thread");

// Pixel j of `pixels` lies at first + j * spread in the output; its tap u < line.count at line.at + j * hop + u * at_step
// in the source.
struct Axis {
  Line line;
  int pixels, first, spread, hop, source, target, kernel;
};

struct Task {
  Axis axis[3];
  int batch, rows, depth, groups, group, part, parts;
};

__device__ __forceinline__ int pixels_per_image(const Task& t) {
  return t.axis[0].pixels * t.axis[1].pixels * t.axis[2].pixels;
}

struct Pixel {
  int image;  // -1 behind the last one
  Place j;
};

// Pixel i of all images, of which there are fewer than 2^31.
__device__ __forceinline__ Pixel pixel(const Task& t, int i) {
  const int each = pixels_per_image(t), n[3] = {t.axis[0].pixels, t.axis[1].pixels, t.axis[2].pixels};
  return {i < t.batch * each ? i / each : -1, unravel(i % each, n)};
}

// The operands of the current tap: weights of the tap, and the source under this thread's pixel, null in the padding.
struct Operands {
  const T *weights, *source;
};

__device__ __forceinline__ Operands operands(const Task& t, const T* packed, const T* source, const Pixel& p, int tap) {
  const int n[3] = {t.axis[0].line.count, t.axis[1].line.count, t.axis[2].line.count};
  const Place u = unravel(tap, n);
  int flat = 0, taps = 1, at = 0, plane = 1;
  bool inside = p.image >= 0;
  for (int i = 0; i < 3; ++i) {
    const Axis& a = t.axis[i];
    const int place = a.line.at + p.j.at[i] * a.hop + u.at[i] * a.line.at_step;
    inside = inside && place >= 0 && place < a.source;
    at = at * a.source + place;
    flat = flat * a.kernel + a.line.tap + u.at[i] * a.line.tap_step;
    plane *= a.source;
    taps *= a.kernel;
  }
  const int64 image = (int64)p.image * t.groups + t.group;
  return {packed + ((int64)t.group * taps + flat) * t.depth * t.rows, inside ? source + image * t.depth * plane + at : nullptr};
}

// Element i of a thread's share, of BM/16 rows or BN/16 pixels: fours, 64 apart, so that it is read as vectors.
__device__ __forceinline__ int share(int thread, int i) { return i / 4 * 64 + thread * 4 + i % 4; }

struct Stage {
  T a[BK][BM], b[BK][BN];
};

__device__ __forceinline__ void multiply(const Stage& s, T (&sum)[TM][TN]) {
  const int tx = threadIdx.x % 16, ty = threadIdx.x / 16;
#pragma unroll
  for (int k = 0; k < BK; ++k) {
    T a[TM], b[TN];
#pragma unroll
    for (int i = 0; i < TM; ++i) a[i] = s.a[k][share(ty, i)];
#pragma unroll
    for (int j = 0; j < TN; ++j) b[j] = s.b[k][share(tx, j)];
#pragma unroll
    for (int i = 0; i < TM; ++i)
#pragma unroll
      for (int j = 0; j < TN; ++j) sum[i][j] += a[i] * b[j];
  }
}

// A slice on its way: this thread's elements of it, between global and shared memory.
struct Slice {
  T a[BM * BK / THREADS], b[BN * BK / THREADS];
};

__device__ __forceinline__ void fetch(Slice& s, const Task& t, const Operands& from, int plane, int first) {
  const int row = blockIdx.y * BM + threadIdx.x % BM;
#pragma unroll
  for (int i = 0; i < BM * BK / THREADS; ++i) {
    const int k = first + threadIdx.x / BM + i * (THREADS / BM);
    s.a[i] = k < t.depth && row < t.rows ? from.weights[k * t.rows + row] : T(0);
  }
#pragma unroll
  for (int i = 0; i < BN * BK / THREADS; ++i) {
    const int k = first + threadIdx.x / BN + i * (THREADS / BN);
    s.b[i] = k < t.depth && from.source ? from.source[(int64)k * plane] : T(0);
  }
}

__device__ __forceinline__ void stow(const Slice& s, Stage& to) {
#pragma unroll
  for (int i = 0; i < BM * BK / THREADS; ++i) (&to.a[0][0])[threadIdx.x + i * THREADS] = s.a[i];
#pragma unroll
  for (int i = 0; i < BN * BK / THREADS; ++i) (&to.b[0][0])[threadIdx.x + i * THREADS] = s.b[i];
}

// Writes the sums of a thread: target [parts, batch, groups * rows, places].
__device__ __forceinline__ void write(const Task& t, const T (&sum)[TM][TN], T* target) {
  const int tx = threadIdx.x % 16, ty = threadIdx.x / 16;
#pragma unroll
  for (int j = 0; j < TN; ++j) {
    const Pixel p = pixel(t, blockIdx.x * BN + share(tx, j));
    if (p.image < 0) continue;
    const int64 at = ((int64)t.part * t.batch + p.image) * t.groups + t.group;
    int plane = 1, place = 0;
    for (int i = 0; i < 3; ++i) {
      place = place * t.axis[i].target + t.axis[i].first + p.j.at[i] * t.axis[i].spread;
      plane *= t.axis[i].target;
    }
#pragma unroll
    for (int i = 0; i < TM; ++i) {
      const int row = blockIdx.y * BM + share(ty, i);
      if (row < t.rows) target[(at * t.rows + row) * plane + place] = sum[i][j];
    }
  }
}

// The block's part of the task: its share of the steps, one slice of one tap each.
__device__ __forceinline__ void implicit_gemm(const Task& t, const T* packed, const T* source, T* target) {
  __shared__ __align__(16) Stage stage[2];
  if (blockIdx.x * BN >= t.batch * pixels_per_image(t)) return;  // a small residue: the whole block leaves
  const int plane = t.axis[0].source * t.axis[1].source * t.axis[2].source;
  const Pixel mine = pixel(t, blockIdx.x * BN + threadIdx.x % BN);
  const int slices = (t.depth + BK - 1) / BK;
  const int64 steps = (int64)slices * t.axis[0].line.count * t.axis[1].line.count * t.axis[2].line.count;
  const int first = steps * t.part / t.parts, last = steps * (t.part + 1) / t.parts;
  T sum[TM][TN] = {};
  Slice next;
  Operands from;
  int tap = first / slices, channel = first % slices * BK;
  for (int step = first; step <= last; ++step) {
    if (step < last) {
      if (step == first || channel == 0) from = operands(t, packed, source, mine, tap);
      fetch(next, t, from, plane, channel);
      if ((channel += BK) >= t.depth) channel = 0, ++tap;
    }
    if (step > first) multiply(stage[(step - 1) % 2], sum);
    if (step == last) break;
    stow(next, stage[step % 2]);
    __syncthreads();
  }
  write(t, sum, target);
}
