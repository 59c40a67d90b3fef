// An example of what the engine writes in place of this file: g * where(y > 0, 1, 0), the gradient through a rectifier whose
// y is broadcast.
//
// a0, a1, ..: operands in memory, of their own dtypes. spread: where it is there, the operands that `at` counts are read
// through it. n: numbers, so that another number needs no other build. Element i of the result is value(e, reads(e, i)):
// apart, so that a kernel can read several elements before it computes the first.
#include "functions.cuh"
#include "spread.cuh"

using Result = T;

struct Expression {
  const float* a0;
  const float* a1;
  Spread<int, 2, 1> spread;
  T n[3];
};

struct Reads {
  T a0;
  T a1;
};

__device__ __forceinline__ Reads reads(const Expression& e, int64 i) {
  int at[1];
  stand(e.spread, i, at);
  return {T(e.a0[i]), T(e.a1[at[0]])};
}

__device__ __forceinline__ Result value(const Expression& e, const Reads& r) {
  const bool t0 = r.a1 > e.n[0];
  const T t1 = xp::where(t0, e.n[1], e.n[2]);
  const T t2 = T(r.a0) * T(t1);
  return t2;
}
