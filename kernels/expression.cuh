// An example of the text that the engine writes in place of this file. It computes g * where(y > 0, 1, 0), the gradient
// through a rectifier, with a y that is broadcast.
//
// Expression holds what the text reads: a0, a1, .. are operands in memory, each of its own dtype; n are numbers, which are
// not written into the text, so that another number needs no other build. `spread` is there where an operand does not lie
// in memory as the result does; such operands are read at the places `at` that it gives.
// Element i of the result is value(e, reads(e, i)). These are two functions, so that a kernel can read several elements
// before it computes the first of them.
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
