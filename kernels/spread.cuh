// Operands whose elements do not lie in memory in the order of the result: they are broadcast, transposed, or cut out of a
// larger array.
//
// A Spread has the axes of the result with their lengths and, for each of K such operands, the step along each axis in
// elements: 0 where the operand is broadcast, negative where it is read backward. Neighbouring axes along which all
// operands advance as along a single one are merged. Index is the type of places: `int` where none reaches 2^31, since
// dividing and multiplying int64 takes several times the instructions.
#pragma once
#include "kernel.cuh"

template <class Index, int AXES, int K>
struct Spread {
  Index step[K][AXES], length[AXES];
};

// The quotient of two numbers that are not negative. Unsigned division takes fewer instructions.
__device__ __forceinline__ int quotient(int a, int b) { return (unsigned)a / (unsigned)b; }
__device__ __forceinline__ int64 quotient(int64 a, int64 b) { return (unsigned long long)a / (unsigned long long)b; }

// Writes the place of element i of the result in each operand to `at`. The outermost axis needs no division.
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
