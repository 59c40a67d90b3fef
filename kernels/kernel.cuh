// What all kernels share: the float type of the build, and the loop over elements.
#pragma once

#ifndef REAL
#define REAL float
#endif

using T = REAL;
using int64 = long long;

// Grid-stride loop: a thread takes elements that lie as far apart as the grid has threads, up to n. So a grid of any size
// covers all elements.
#define FOR_EACH(i, n) \
  for (int64 i = blockIdx.x * (int64)blockDim.x + threadIdx.x; i < (n); i += (int64)gridDim.x * blockDim.x)
