// A reduction of a strided array: for each position along the kept axes, a sum or a maximum over the reduced axes.
//
// There are up to 3 axes of each kind; unused ones have length 1 and step 0. A block of 256 threads computes 256 / lanes
// outputs at a time, and `lanes` threads share one output. Each of these lanes takes every lanes-th term, and then the
// lanes are joined pairwise in shared memory. So the order in which terms are added depends on `lanes` alone.
#pragma once
#include "kernel.cuh"

constexpr int THREADS = 256;

// The lengths of the axes, and the steps along them in elements of the input.
struct Axes {
  int64 kept[3], kept_step[3], reduced[3], reduced_step[3];
};

// A position along three axes. It is a number whose digits have the ranges 0..n[0]-1, 0..n[1]-1 and 0..n[2]-1.
struct Digits {
  int64 at[3];
};

__device__ __forceinline__ int64 product(const int64 (&n)[3]) { return n[0] * n[1] * n[2]; }

// Position number i, where the last axis runs fastest.
__device__ __forceinline__ Digits digits(int64 i, const int64 (&n)[3]) { return {i / n[2] / n[1], i / n[2] % n[1], i % n[2]}; }

// The place of position d in memory, in elements from the first one.
__device__ __forceinline__ int64 offset(const Digits& d, const int64 (&step)[3]) {
  return d.at[0] * step[0] + d.at[1] * step[1] + d.at[2] * step[2];
}

// Adds `by` to d, digit by digit with carries, since that takes no division.
__device__ __forceinline__ void advance(Digits& d, const Digits& by, const int64 (&n)[3]) {
  d.at[2] += by.at[2];
  d.at[1] += by.at[1];
  if (d.at[2] >= n[2]) d.at[2] -= n[2], ++d.at[1];
  d.at[0] += by.at[0];
  if (d.at[1] >= n[1]) d.at[1] -= n[1], ++d.at[0];
}

// What a thread does in its block: `lane` is its number among those that share an output, `output` the number of that
// output, and `slot` its place in shared memory. The slot of the next lane lies `stride` further on.
struct Lane {
  int lane, output, slot, stride;
};

// Neighbouring threads take neighbouring outputs where `across` is set, else neighbouring terms. It is to be set so that
// neighbouring threads read elements of x that lie side by side in memory.
__device__ __forceinline__ Lane my_lane(int lanes, int across) {
  const int t = threadIdx.x, outputs = THREADS / lanes;
  return across ? Lane{t / outputs, t % outputs, t, outputs} : Lane{t % lanes, t / lanes, t, 1};
}

// Calls term(place in x) for each term of this lane, in order.
template <class Term>
__device__ __forceinline__ void each_term(const Axes& a, int64 output, int lane, int lanes, Term term) {
  const int64 base = offset(digits(output, a.kept), a.kept_step), terms = product(a.reduced);
  const Digits by = digits(lanes, a.reduced);
  Digits d = digits(lane, a.reduced);
  for (int64 r = lane; r < terms; r += lanes, advance(d, by, a.reduced)) term(base + offset(d, a.reduced_step));
}

// Calls join(slot, other slot) until the slot of lane 0 of each output holds the result. Each thread has to have written
// its own slot before.
template <class Join>
__device__ __forceinline__ void join_lanes(const Lane& me, int lanes, Join join) {
  for (int half = lanes / 2; half > 0; half /= 2) {
    __syncthreads();
    if (me.lane < half) join(me.slot, me.slot + half * me.stride);
  }
}
