// A reduction over some axes of a strided array: up to 3 kept and 3 reduced ones; unused axes have length 1 and step 0.
//
// A block of 256 threads works on 256 / lanes outputs at a time. The lanes of an output take its terms in turns, then
// join pairwise in shared memory: which term meets which depends on `lanes` alone.
#pragma once
#include "kernel.cuh"

constexpr int THREADS = 256;

struct Axes {
  int64 kept[3], kept_step[3], reduced[3], reduced_step[3];
};

struct Digits {
  int64 at[3];
};

__device__ __forceinline__ int64 product(const int64 (&n)[3]) { return n[0] * n[1] * n[2]; }

__device__ __forceinline__ Digits digits(int64 i, const int64 (&n)[3]) { return {i / n[2] / n[1], i / n[2] % n[1], i % n[2]}; }

__device__ __forceinline__ int64 offset(const Digits& d, const int64 (&step)[3]) {
  return d.at[0] * step[0] + d.at[1] * step[1] + d.at[2] * step[2];
}

// d + by in the mixed radix n, without a division.
__device__ __forceinline__ void advance(Digits& d, const Digits& by, const int64 (&n)[3]) {
  d.at[2] += by.at[2];
  d.at[1] += by.at[1];
  if (d.at[2] >= n[2]) d.at[2] -= n[2], ++d.at[1];
  d.at[0] += by.at[0];
  if (d.at[1] >= n[1]) d.at[1] -= n[1], ++d.at[0];
}

// One thread's place: its lane, its output among those of the block, and its slot in shared memory, where the slot of
// the next lane lies `stride` further on.
struct Lane {
  int lane, output, slot, stride;
};

// Neighbouring threads take neighbouring outputs if `across`, else neighbouring terms: whichever lie side by side in x.
__device__ __forceinline__ Lane my_lane(int lanes, int across) {
  const int t = threadIdx.x, outputs = THREADS / lanes;
  return across ? Lane{t / outputs, t % outputs, t, outputs} : Lane{t % lanes, t / lanes, t, 1};
}

// Calls term(position in x) for the terms of this lane, in order.
template <class Term>
__device__ __forceinline__ void each_term(const Axes& a, int64 output, int lane, int lanes, Term term) {
  const int64 base = offset(digits(output, a.kept), a.kept_step), terms = product(a.reduced);
  const Digits by = digits(lanes, a.reduced);
  Digits d = digits(lane, a.reduced);
  for (int64 r = lane; r < terms; r += lanes, advance(d, by, a.reduced)) term(base + offset(d, a.reduced_step));
}

// Calls join(slot, other slot) until lane 0 of each output holds everything. The caller wrote its slot before.
template <class Join>
__device__ __forceinline__ void join_lanes(const Lane& me, int lanes, Join join) {
  for (int half = lanes / 2; half > 0; half /= 2) {
    __syncthreads();
    if (me.lane < half) join(me.slot, me.slot + half * me.stride);
  }
}
