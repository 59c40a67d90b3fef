// Implicit GEMM: out[row, pixel] = sum over taps t and channels k of packed[t, k, row] * source[k, place(pixel, t)].
//
// This is a convolution or its adjoint as a matrix product whose columns are never written to global memory. A row is a
// channel of the output; a pixel is a position of the output in one of the images; place(pixel, t) is the position in the
// source at which tap t of that pixel reads. Convolution and adjoint differ only in these places (struct Axis).
//
// A block of 256 threads computes BM rows by BN pixels, of which each thread has 8 by 8 in registers. It takes the sums in
// slices of BK channels of one tap, which pass through two stages of shared memory: while one slice is multiplied, the
// next one is copied to the other stage, so that a step needs a single barrier.
// Per step and thread: 64 BK fused multiply-adds on BK * (BM + BN) / 256 elements from global memory.
#pragma once
#include "copy.cuh"
#include "window.cuh"

#ifndef BM
#define BM 128
#endif

constexpr int THREADS = 256, SIDE = 8, BN = THREADS * SIDE * SIDE / BM, BK = 64 / sizeof(T);
// `packed` is filled up with zeros, so that all slices and blocks are whole: the channels of each tap to a multiple of
// DEEP, the rows to a multiple of BM. A thread copies WIDE rows, which are 16 bytes, at once.
constexpr int DEEP = 16, WIDE = 16 / sizeof(T);
// The number of blocks that a multiprocessor runs at once, which bounds the registers of a thread. With 2 blocks there are
// 128, enough for the sums and the operands of the next products. The shared memory of a GPU without asynchronous copies
// is enough for one block only.
constexpr int RESIDENT = ASYNCHRONOUS && sizeof(T) == 4 ? 2 : 1;
static_assert(BM == 64 || BM == 128, "a slice is whole elements of every thread");

// One spatial axis. Of `pixels` pixels along it, number j lies at first + j * spread in the output, and its tap number
// u < line.count reads at line.at + j * hop + u * line.at_step in the source. The last three fields are the lengths of the
// axis in the source, in the target (the output) and in the kernel.
struct Axis {
  Line line;
  int pixels, first, spread, hop, source, target, kernel;
};

// What a block computes. rows, depth: the channels per group of the output and of the source. group: the group of the
// block. part: which of the `parts` of each sum the block adds up.
struct Task {
  Axis axis[3];
  int batch, rows, depth, groups, group, part, parts;
};

__device__ __forceinline__ int pixels_per_image(const Task& t) {
  return t.axis[0].pixels * t.axis[1].pixels * t.axis[2].pixels;
}

struct Pixel {
  int image;  // -1 behind the last pixel
  Place j;
};

// Pixel number i of all images, which have fewer than 2^31 pixels together.
__device__ __forceinline__ Pixel pixel(const Task& t, int i) {
  const int each = pixels_per_image(t), n[3] = {t.axis[0].pixels, t.axis[1].pixels, t.axis[2].pixels}, image = i / each;
  return {image < t.batch ? image : -1, unravel(i - image * each, n)};
}

// Where a thread copies from next: WIDE weights, and the source at the place of its pixel. `left` is the number of
// channels that remain there, 0 in the padding.
struct Operands {
  const T *weights, *source;
  int left;
};

__device__ __forceinline__ Operands operands(const Task& t, const T* packed, const T* source, const Pixel& p, int tap,
                                             int channel) {
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
  const int first = channel + threadIdx.x / BN, mine = threadIdx.x * WIDE;
  const int64 image = (int64)p.image * t.groups + t.group;
  const int64 k = ((int64)t.group * taps + flat) * ((t.depth + DEEP - 1) / DEEP * DEEP) + channel + mine / BM;
  return {packed + (k * gridDim.y + blockIdx.y) * BM + mine % BM, source + (image * t.depth + first) * plane + at,
          inside ? t.depth - first : 0};
}

// The place of a thread in its block, which is BM/8 by BN/8 threads. Those of a warp are 4 by 8, numbered in squares of
// 2 by 2. So threads that read the same words of shared memory have near numbers, and a warp reads its vectors in two
// transactions, the smallest possible number.
struct Thread {
  int row, pixel;
};

__device__ __forceinline__ Thread thread() {
  const int warp = threadIdx.x / 32, lane = threadIdx.x % 32, across = BN / SIDE / 8;
  return {warp / across * 4 + lane / 16 * 2 + lane % 2, warp % across * 8 + lane / 2 % 8};
}

// The place among n elements of element i of a thread's 8: they are two groups of four, n / 2 apart, so that each group is
// read as one vector.
__device__ __forceinline__ int share(int thread, int i, int n) { return i / 4 * (n / 2) + thread * 4 + i % 4; }

// The column of pixel i of a block in shared memory, and the pixel in column i. Every 4 by 8 pixels are transposed, so that
// the i-th elements of 8 neighbouring threads are 8 neighbouring pixels, which are written to global memory together.
__device__ __forceinline__ int column(int i) { return i / 32 * 32 + i % 8 * 4 + i / 8 % 4; }
__device__ __forceinline__ int pixel_at(int i) { return i / 32 * 32 + i % 4 * 8 + i / 4 % 8; }

// A slice in shared memory: a holds the weights of the rows, b the source of the pixels.
struct Stage {
  T a[BK][BM], b[BK][BN];
};

struct __align__(16) Rows {
  T at[WIDE];
};

// Starts to copy a slice to a stage, and moves `from` on to the next slice. plane: the number of positions of a channel.
__device__ __forceinline__ void fetch(Stage& to, Operands& from, int64 plane) {
  const int64 across = gridDim.y * BM;
#pragma unroll
  for (int i = 0; i < BM * BK / WIDE / THREADS; ++i)
    send((Rows*)to.a + threadIdx.x + i * THREADS, (const Rows*)(from.weights + i * (WIDE * THREADS / BM) * across), true);
  from.weights += BK * across;
#pragma unroll
  for (int i = 0; i < BN * BK / THREADS; ++i) {
    const int k = i * (THREADS / BN);
    send(&to.b[threadIdx.x / BN + k][column(threadIdx.x % BN)], from.source, k < from.left);
    from.source += THREADS / BN * plane;
  }
  from.left -= BK;
}

// Adds the products of a slice to the sums of a thread.
__device__ __forceinline__ void multiply(const Stage& s, T (&sum)[SIDE][SIDE]) {
  const Thread me = thread();
#pragma unroll
  for (int k = 0; k < BK; ++k) {
    T a[SIDE], b[SIDE];
#pragma unroll
    for (int i = 0; i < SIDE; ++i) a[i] = s.a[k][share(me.row, i, BM)], b[i] = s.b[k][share(me.pixel, i, BN)];
#pragma unroll
    for (int i = 0; i < SIDE; ++i)
#pragma unroll
      for (int j = 0; j < SIDE; ++j) sum[i][j] += a[i] * b[j];
  }
}

// Adds up `steps` > 0 slices, from number `first` on.
__device__ __forceinline__ void add(const Task& t, const T* packed, const T* source, int first, int steps,
                                    T (&sum)[SIDE][SIDE]) {
  __shared__ __align__(16) Stage stage[2];
  const int64 plane = t.axis[0].source * t.axis[1].source * t.axis[2].source;
  const int slices = (t.depth + BK - 1) / BK;
  const Pixel mine = pixel(t, blockIdx.x * BN + threadIdx.x % BN);
  int tap = first / slices, ahead = slices - first % slices;
  Operands next = operands(t, packed, source, mine, tap, first % slices * BK);
  fetch(stage[0], next, plane);
  for (int now = 0;; now ^= 1) {
    arrive();
    __syncthreads();
    if (--steps) {
      if (--ahead == 0) ahead = slices, next = operands(t, packed, source, mine, ++tap, 0);
      fetch(stage[now ^ 1], next, plane);
    }
    multiply(stage[now], sum);
    if (!steps) break;
  }
}

// The address of row `row` of pixel i in target [parts, batch, groups * rows, positions]; null behind the last pixel.
__device__ __forceinline__ T* place(const Task& t, T* target, int row, int i) {
  const Pixel p = pixel(t, i);
  const int64 at = ((int64)t.part * t.batch + p.image) * t.groups + t.group;
  int plane = 1, flat = 0;
  for (int k = 0; k < 3; ++k) {
    flat = flat * t.axis[k].target + t.axis[k].first + p.j.at[k] * t.axis[k].spread;
    plane *= t.axis[k].target;
  }
  return p.image < 0 ? nullptr : target + (at * t.rows + row) * plane + flat;
}

// Writes the sums of a thread to the target.
__device__ __forceinline__ void write(const Task& t, const T (&sum)[SIDE][SIDE], T* target) {
  const Thread me = thread();
  const int first = blockIdx.y * BM + share(me.row, 0, BM), plane = t.axis[0].target * t.axis[1].target * t.axis[2].target;
#pragma unroll
  for (int four = 0; four < SIDE; four += 4) {
    T* to[4];
#pragma unroll
    for (int j = 0; j < 4; ++j) to[j] = place(t, target, first, blockIdx.x * BN + pixel_at(share(me.pixel, four + j, BN)));
#pragma unroll
    for (int i = 0; i < SIDE; ++i) {
      const int row = share(0, i, BM);
#pragma unroll
      for (int j = 0; j < 4; ++j)
        if (to[j] && first + row < t.rows) to[j][row * (int64)plane] = sum[i][four + j];
    }
  }
}

// Computes the block's part of the task. The slices of the sums are divided among the parts as evenly as possible.
__device__ __forceinline__ void implicit_gemm(const Task& t, const T* packed, const T* source, T* target) {
  if (blockIdx.x * BN >= t.batch * pixels_per_image(t)) return;  // in the adjoint, a residue may have fewer pixels than others
  const int taps = t.axis[0].line.count * t.axis[1].line.count * t.axis[2].line.count;
  const int all = (t.depth + BK - 1) / BK * taps, each = all / t.parts, more = all % t.parts;
  const int first = t.part * each + min(t.part, more), steps = each + (t.part < more);
  T sum[SIDE][SIDE] = {};
  if (steps) add(t, packed, source, first, steps, sum);
  write(t, sum, target);
}
