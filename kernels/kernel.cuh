// What every kernel shares: the dtype of the build, and the loop over elements.
#pragma once

#ifndef REAL
#define REAL float
#endif

using T = REAL;
using int64 = long long;

// Grid-stride loop: a thread takes the elements i, i + threads of the grid, ... below n. Any grid covers all of them.
#define FOR_EACH(i, n) \
  for (int64 i = blockIdx.x * (int64)blockDim.x + threadIdx.x; i < (n); i += (int64)gridDim.x * blockDim.x)
