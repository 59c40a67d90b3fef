// The functions of one element in `Namespace`, under the same names. For + - * / and comparisons there are C++'s operators.
//
// Zeros, infinities and NaN have the results that they have in NumPy. The kernels that call these functions say how they
// are launched and what they read.
#pragma once
#include "kernel.cuh"

#define FUNCTION __device__ __forceinline__

namespace xp {

FUNCTION T abs(T x) { return ::fabs(x); }
FUNCTION T exp(T x) { return ::exp(x); }
FUNCTION T erf(T x) { return ::erf(x); }
FUNCTION T log(T x) { return ::log(x); }
FUNCTION T sqrt(T x) { return ::sqrt(x); }
FUNCTION T sin(T x) { return ::sin(x); }
FUNCTION T cos(T x) { return ::cos(x); }
FUNCTION T sinh(T x) { return ::sinh(x); }
FUNCTION T cosh(T x) { return ::cosh(x); }
FUNCTION T tanh(T x) { return ::tanh(x); }
FUNCTION T pow(T x, T p) { return ::pow(x, p); }

// 1 / (1 + exp(-x)). The argument of exp is never positive here, so that nothing overflows and small results keep their
// digits.
FUNCTION T sigmoid(T x) {
  const T e = ::exp(x < 0 ? x : -x);
  return (x < 0 ? e : T(1)) / (1 + e);
}

FUNCTION T sign(T x) { return x > 0 ? T(1) : x < 0 ? T(-1) : x == 0 ? T(0) : x; }

// The larger and the smaller of two numbers, and NaN where either of them is NaN.
FUNCTION T maximum(T x, T y) { return x > y || x != x ? x : y; }
FUNCTION T minimum(T x, T y) { return x < y || x != x ? x : y; }

// x where c holds, else y. This is the gate of every rectifier: a leaky one, a clip and a shrinkage differ in c, x and y.
FUNCTION T where(bool c, T x, T y) { return c ? x : y; }

FUNCTION bool isfinite(T x) { return x - x == 0; }

// r / (z + eps * (z >= 0 ? 1 : -1)), and 0 where that denominator is 0: the stabilised ratio of LRP.
FUNCTION T ratio(T r, T z, T eps) {
  const T d = z + (z >= 0 ? eps : -eps);
  return d == 0 ? T(0) : r / d;
}

// dy / dx, and `slope` where `near` holds and dx may be 0: the difference quotient of DeepLIFT.
FUNCTION T quotient(T dy, T dx, bool near, T slope) { return near ? slope : dy / dx; }

}  // namespace xp
