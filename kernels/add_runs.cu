// out[o, keys[j], i] = sum of g[o, order[j'], i] over the run of equal keys that starts at j, in double.
//
// This is the adjoint of every kind of indexing. keys: [count], sorted, each in 0..rows-1; order: [count], the position of
// each key before a stable sort; g: [outer, count, inner]; out: [outer, rows, inner], which the caller has filled with
// zeros. The thread of the first key of a run adds up the whole run. So equal keys need no atomic additions, and their
// terms are added in the order of the indices before the sort. One sort serves all kinds of indices, whereas a gather
// would have to search the indices for each output.
// Launch: grid-stride over outer * count * inner. A run is added up by one thread, in `count` steps where all keys are equal.
#include "kernel.cuh"

extern "C" __global__ void add_runs(const T* __restrict__ g, const int64* __restrict__ keys, const int64* __restrict__ order,
                                    T* __restrict__ out, int64 outer, int64 rows, int64 count, int64 inner) {
  FOR_EACH(e, outer * count * inner) {
    const int64 i = e % inner, j = e / inner % count, o = e / inner / count;
    const int64 key = keys[j];
    if (j > 0 && keys[j - 1] == key) continue;
    double sum = 0;
    for (int64 k = j; k < count && keys[k] == key; ++k) sum += g[(o * count + order[k]) * inner + i];
    out[(o * rows + key) * inner + i] = (T)sum;
  }
}
