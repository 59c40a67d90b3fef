// Runs a CUDA kernel on the CPU, one fiber per CUDA thread: what the sources in kernels/ use of CUDA, and no more.
//
// This is what a kernel is compiled with; cuda_emu.cpp, which is compiled once, runs it. An access to a protected page and
// an integer division by 0, which a GPU lets pass, are reported with the thread that made them.
#pragma once
#include <algorithm>
#include <csetjmp>
#include <cmath>
#include <math.h>  // the functions of the global namespace, of float too
#include <cstdint>
#include <cstring>
#include <functional>
#include <utility>
#include <vector>
#include <ucontext.h>

#define __global__ static
#define __device__ static
#define __forceinline__ inline __attribute__((always_inline))
#define __launch_bounds__(...)
#define __restrict__ __restrict
#define __align__(n) __attribute__((aligned(n)))
#define __shared__ static __attribute__((section("emu_shared")))

struct dim3 { unsigned x, y, z; };
extern dim3 threadIdx, blockIdx, blockDim, gridDim;

namespace emu {

enum Status { DONE, BAD_LAUNCH, BAD_ACCESS, BAD_BARRIER, BAD_DIVISION };
enum State { NEW, READY, WAITING, LEFT };

struct Fiber {
  jmp_buf here;
  ucontext_t start;
  char* stack;
  dim3 thread;
  State state;
  std::vector<std::function<void()>> sent;  // copies on their way
};

extern Fiber* current;
extern void (*body)(void*);  // the kernel, as every thread calls it, and its argument
extern void* body_argument;

// Hands over to the other threads until all have come here.
void wait();

// The grid, with a fault turned into a status; blockIdx and threadIdx then say whose it was.
Status run_guarded(bool barriers, int order);

template <class... A>
struct Call {
  void (*kernel)(A...);
  void** arguments;
  template <size_t... I>
  void run(std::index_sequence<I...>) { kernel(*(std::remove_const_t<A>*)arguments[I]...); }
  static void enter(void* self) { ((Call*)self)->run(std::index_sequence_for<A...>{}); }
};

template <class... A>
static Status launch(void (*kernel)(A...), dim3 grid, dim3 block, bool barriers, int order, void** arguments) {
  const uint64_t blocks = (uint64_t)grid.x * grid.y * grid.z, threads = (uint64_t)block.x * block.y * block.z;
  if (!blocks || !threads || blocks > 1u << 31 || threads > 1024 || grid.y > 65535 || grid.z > 65535) return BAD_LAUNCH;
  Call<A...> call{kernel, arguments};
  body = Call<A...>::enter;
  body_argument = &call;
  gridDim = grid;
  blockDim = block;
  return run_guarded(barriers, order);
}

// Sizes of a kernel's parameters in bytes; returns their number.
template <class... A>
static int sizes(void (*)(A...), int* out) {
  const int each[] = {(int)sizeof(A)...};
  memcpy(out, each, sizeof each);
  return sizeof...(A);
}

}  // namespace emu

static inline void __syncthreads() { emu::wait(); }
using std::max;
using std::min;

#define EMU_PUBLIC extern "C" __attribute__((visibility("default")))
#define EMU_EXPORT(name, barriers)                                                                   \
  EMU_PUBLIC int emu_sizes_##name(int* out) { return emu::sizes(&name, out); }                       \
  EMU_PUBLIC int emu_launch_##name(const unsigned* grid, const unsigned* block, int order, void** arguments) { \
    return emu::launch(&name, {grid[0], grid[1], grid[2]}, {block[0], block[1], block[2]}, barriers, order, arguments); \
  }
