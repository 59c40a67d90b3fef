// An example of what the engine writes in place of this file: g * where(y > 0, 1, 0), the gradient through a rectifier whose
// y is broadcast.
//
// a0, a1, ..: operands in memory, of their own dtypes. spread: where it is there, the operands that `at` counts are read
// through it. n: numbers, so that another number needs no other build. `value` is element i of the result.
#pragma once
#include "functions.cuh"
#include "spread.cuh"

using Result = T;

struct Expression {
  const T* a0;
  const T* a1;
  Spread<unsigned, 2, 1> spread;
  T n[3];
};

__device__ __forceinline__ Result value(const Expression& e, int64 i) {
  int64 at[1];
  stand(e.spread, i, at);
  const T a0 = e.a0[i];
  const T a1 = e.a1[at[0]];
  const bool t0 = a1 > e.n[0];
  const T t1 = xp::where(t0, e.n[1], e.n[2]);
  const T t2 = a0 * t1;
  return t2;
}
