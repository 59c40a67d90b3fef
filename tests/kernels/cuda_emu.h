// Runs a CUDA kernel on the CPU, one fiber per CUDA thread: what the sources in kernels/ use of CUDA, and no more.
//
// One block runs at a time. Its threads run one after another, in an order of choice, and hand over at barriers: a missing
// barrier shows as a wrong number in some order, a barrier that only some threads reach as an error. Shared memory is
// filled with NaN before each block. An access to a protected page and an integer division by 0, which a GPU lets pass, are
// reported with the thread that made them.
#pragma once
#include <algorithm>
#include <csetjmp>
#include <csignal>
#include <cmath>
#include <math.h>  // the functions of the global namespace, of float too
#include <cstdint>
#include <cstring>
#include <functional>
#include <numeric>
#include <utility>
#include <vector>
#include <sys/mman.h>
#include <ucontext.h>

#define __global__ static
#define __device__ static
#define __forceinline__ inline __attribute__((always_inline))
#define __launch_bounds__(...)
#define __restrict__ __restrict
#define __align__(n) __attribute__((aligned(n)))
#define __shared__ static __attribute__((section("emu_shared")))

struct dim3 { unsigned x, y, z; };
static dim3 threadIdx, blockIdx, blockDim, gridDim;

extern "C" char __start_emu_shared[] __attribute__((weak)), __stop_emu_shared[] __attribute__((weak));

namespace emu {

enum Status { DONE, BAD_LAUNCH, BAD_ACCESS, BAD_BARRIER, BAD_DIVISION };
enum State { NEW, READY, WAITING, LEFT };

constexpr size_t STACK = 64 * 1024, PAGE = 4096;

struct Fiber {
  jmp_buf here;
  ucontext_t start;
  char* stack;
  dim3 thread;
  State state;
  std::vector<std::function<void()>> sent;  // copies on their way
};

static std::vector<Fiber*> fibers;
static Fiber* current;
static jmp_buf scheduler;
static ucontext_t scheduler_start;
static void (*body)(void*);
static void* body_argument;

// The i-th of n in the given order: 0 forward, 1 backward, 2 and more shuffled, differently every time.
struct Order {
  int kind;
  uint64_t state = 0x9E3779B97F4A7C15ull * (kind + 1);
  std::vector<unsigned> index(unsigned n) {
    std::vector<unsigned> at(n);
    std::iota(at.begin(), at.end(), 0);
    if (kind == 1) std::reverse(at.begin(), at.end());
    for (unsigned i = n; kind > 1 && i > 1; --i) {
      state = state * 6364136223846793005ull + 1;
      std::swap(at[i - 1], at[(state >> 33) % i]);
    }
    return at;
  }
};

static void enter() {
  body(body_argument);
  current->state = LEFT;
  _longjmp(scheduler, 1);
}

__attribute__((noinline)) static void wait() {
  current->state = WAITING;
  if (!_setjmp(current->here)) _longjmp(scheduler, 1);
}

__attribute__((noinline)) static void resume(Fiber* f) {
  current = f;
  threadIdx = f->thread;
  if (_setjmp(scheduler)) return;
  const State was = f->state;
  f->state = READY;
  if (was == NEW) swapcontext(&scheduler_start, &f->start);
  _longjmp(f->here, 1);
}

static dim3 place(unsigned i, const dim3& n) { return {i % n.x, i / n.x % n.y, i / (n.x * n.y)}; }

static Fiber* fresh(unsigned i) {
  if (fibers.size() <= i) {
    Fiber* f = new Fiber;
    f->stack = (char*)mmap(nullptr, PAGE + STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    mprotect(f->stack, PAGE, PROT_NONE);
    fibers.push_back(f);
  }
  Fiber* f = fibers[i];
  getcontext(&f->start);
  f->start.uc_stack.ss_sp = f->stack + PAGE;
  f->start.uc_stack.ss_size = STACK;
  f->start.uc_link = nullptr;
  makecontext(&f->start, enter, 0);
  f->thread = place(i, blockDim);
  f->state = NEW;
  f->sent.clear();
  return f;
}

// A block without barriers: plain calls.
static Status run_freely(unsigned threads, Order& order) {
  for (unsigned i : order.index(threads)) {
    threadIdx = place(i, blockDim);
    body(body_argument);
  }
  return DONE;
}

// A block with barriers: every round runs each thread up to its next barrier, or its end.
static Status run_in_rounds(unsigned threads, Order& order) {
  for (unsigned i = 0; i < threads; ++i) fresh(i);
  for (;;) {
    unsigned left = 0;
    for (unsigned i : order.index(threads)) {
      resume(fibers[i]);
      left += fibers[i]->state == LEFT;
    }
    if (left == threads) return DONE;
    if (left) return BAD_BARRIER;
  }
}

static Status run_grid(bool barriers, Order order) {
  const unsigned threads = blockDim.x * blockDim.y * blockDim.z;
  for (unsigned i : order.index(gridDim.x * gridDim.y * gridDim.z)) {
    blockIdx = place(i, gridDim);
    if (__start_emu_shared) memset(__start_emu_shared, 0xFF, __stop_emu_shared - __start_emu_shared);
    const Status status = barriers ? run_in_rounds(threads, order) : run_freely(threads, order);
    if (status) return status;
  }
  return DONE;
}

static sigjmp_buf fault;
static void on_fault(int signal) { siglongjmp(fault, signal == SIGFPE ? BAD_DIVISION : BAD_ACCESS); }

// The grid, with a fault turned into a status; blockIdx and threadIdx then say whose it was.
static Status run_guarded(bool barriers, int order) {
  static char alternate[64 * 1024];
  stack_t stack{}, old_stack{};
  stack.ss_sp = alternate;
  stack.ss_size = sizeof alternate;
  sigaltstack(&stack, &old_stack);
  struct sigaction action{}, old[3]{};
  constexpr int signals[] = {SIGSEGV, SIGBUS, SIGFPE};
  action.sa_handler = on_fault;
  action.sa_flags = SA_ONSTACK;
  for (int i = 0; i < 3; ++i) sigaction(signals[i], &action, &old[i]);
  const int faulted = sigsetjmp(fault, 1);
  const Status status = faulted ? (Status)faulted : run_grid(barriers, Order{order});
  for (int i = 0; i < 3; ++i) sigaction(signals[i], &old[i], nullptr);
  sigaltstack(&old_stack, nullptr);
  return status;
}

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

extern "C" void emu_last_thread(unsigned* out) {
  const dim3 at[] = {blockIdx, threadIdx};
  memcpy(out, at, sizeof at);
}

#define EMU_EXPORT(name, barriers)                                                                   \
  extern "C" int emu_sizes_##name(int* out) { return emu::sizes(&name, out); }                       \
  extern "C" int emu_launch_##name(const unsigned* grid, const unsigned* block, int order, void** arguments) { \
    return emu::launch(&name, {grid[0], grid[1], grid[2]}, {block[0], block[1], block[2]}, barriers, order, arguments); \
  }
