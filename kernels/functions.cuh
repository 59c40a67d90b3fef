// The functions of one element that `Namespace` names, by those names; + - * / and comparisons are C++'s own.
//
// What they say of zeros, infinities and NaN is what NumPy says. Traffic and launch are those of the kernel around them.
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

// 1 / (1 + exp(-x)); the exponent is never positive, so that nothing overflows and small values keep their digits.
FUNCTION T sigmoid(T x) {
  const T e = ::exp(x < 0 ? x : -x);
  return (x < 0 ? e : T(1)) / (1 + e);
}

FUNCTION T sign(T x) { return x > 0 ? T(1) : x < 0 ? T(-1) : x == 0 ? T(0) : x; }

// A NaN on either side is the answer.
FUNCTION T maximum(T x, T y) { return x > y || x != x ? x : y; }
FUNCTION T minimum(T x, T y) { return x < y || x != x ? x : y; }

// The gate of every rectifier: a leaky one, a clip and a shrinkage differ in c, x and y.
FUNCTION T where(bool c, T x, T y) { return c ? x : y; }

FUNCTION bool isfinite(T x) { return x - x == 0; }

// r / (z + eps * (z >= 0 ? 1 : -1)), and 0 where that denominator is 0: the stabilised share of relevance.
FUNCTION T ratio(T r, T z, T eps) {
  const T d = z + (z >= 0 ? eps : -eps);
  return d == 0 ? T(0) : r / d;
}

// dy / dx, and `slope` where `near` holds, where dx may be 0: the difference quotient of DeepLIFT.
FUNCTION T quotient(T dy, T dx, bool near, T slope) { return near ? slope : dy / dx; }

}  // namespace xp
