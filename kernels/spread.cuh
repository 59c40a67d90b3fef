// Operands that do not lie element after element as the result does: broadcast, transposed, or cut out of a larger array.
//
// The result's axes, those merged that all K operands step through alike. A step is 0 along a broadcast axis, and negative
// along one that is read backward. Index: `int` where no position reaches 2^31, since a division or a product of int64
// takes several times the instructions.
#pragma once
#include "kernel.cuh"

template <class Index, int AXES, int K>
struct Spread {
  Index step[K][AXES], length[AXES];
};

// A quotient of numbers that are not negative: unsigned division is the shorter one.
__device__ __forceinline__ int quotient(int a, int b) { return (unsigned)a / (unsigned)b; }
__device__ __forceinline__ int64 quotient(int64 a, int64 b) { return (unsigned long long)a / (unsigned long long)b; }

// Where element i of the result stands in each operand. The outermost axis needs no division.
template <class Index, int AXES, int K>
__device__ __forceinline__ void stand(const Spread<Index, AXES, K>& s, int64 i, Index (&at)[K]) {
  for (int k = 0; k < K; ++k) at[k] = 0;
  Index rest = (Index)i;
#pragma unroll
  for (int axis = AXES - 1; axis >= 0; --axis) {
    const Index outer = axis ? quotient(rest, s.length[axis]) : 0, digit = rest - outer * s.length[axis];
#pragma unroll
    for (int k = 0; k < K; ++k) at[k] += digit * s.step[k][axis];
    rest = outer;
  }
}
