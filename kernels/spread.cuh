// Operands that do not lie element after element as the result does: broadcast, transposed, or cut out of a larger array.
//
// The result's axes, those merged that all K operands step through alike. A step is 0 along a broadcast axis.
// Index: unsigned where the result has fewer than 2^32 elements, since a division of 64 bits takes some 70 instructions.
#pragma once
#include "kernel.cuh"

template <class Index, int AXES, int K>
struct Spread {
  int64 step[K][AXES];
  Index length[AXES];
};

// Where element i of the result stands in each operand. The outermost axis needs no division.
template <class Index, int AXES, int K>
__device__ __forceinline__ void stand(const Spread<Index, AXES, K>& s, int64 i, int64 (&at)[K]) {
  for (int k = 0; k < K; ++k) at[k] = 0;
  Index rest = (Index)i;
#pragma unroll
  for (int axis = AXES - 1; axis >= 0; --axis) {
    const Index outer = axis ? rest / s.length[axis] : 0;
    const int64 digit = rest - outer * s.length[axis];
#pragma unroll
    for (int k = 0; k < K; ++k) at[k] += digit * s.step[k][axis];
    rest = outer;
  }
}
