// Runs the blocks of a kernel that was compiled with cuda_emu.h.
//
// One block runs at a time. Its threads run one after another, in an order of choice, and hand over at barriers: a missing
// barrier shows as a wrong number in some order, a barrier that only some threads reach as an error. Shared memory is
// filled with NaN before each block.
#include "cuda_emu.h"
#include <csignal>
#include <numeric>
#include <sys/mman.h>

dim3 threadIdx, blockIdx, blockDim, gridDim;

extern "C" char __start_emu_shared[] __attribute__((weak)), __stop_emu_shared[] __attribute__((weak));

namespace emu {

constexpr size_t STACK = 64 * 1024, PAGE = 4096;

Fiber* current;
void (*body)(void*);
void* body_argument;
static std::vector<Fiber*> fibers;
static jmp_buf scheduler;
static ucontext_t scheduler_start;

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

__attribute__((noinline)) void wait() {
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

Status run_guarded(bool barriers, int order) {
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

}  // namespace emu

EMU_PUBLIC void emu_last_thread(unsigned* out) {
  const dim3 at[] = {blockIdx, threadIdx};
  memcpy(out, at, sizeof at);
}
