// Copies from global to shared memory that pass by the registers and go on while their thread does something else.
//
// A GPU older than sm_80, and a compiler for a CPU, copies at once.
#pragma once

#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 800
#define ASYNCHRONOUS 1
#else
#define ASYNCHRONOUS 0
#endif

// to = there ? *from : 0, of 4, 8 or 16 bytes; `from` is not read, and may lead anywhere, where it is not there.
template <class E>
__device__ __forceinline__ void send(E* to, const E* from, bool there) {
#if ASYNCHRONOUS
  asm volatile("cp.async.ca.shared.global [%0], [%1], %2, %3;" ::"r"((unsigned)__cvta_generic_to_shared(to)), "l"(from),
               "n"(sizeof(E)), "r"(there ? (int)sizeof(E) : 0)
               : "memory");
#else
  *to = there ? *from : E{};
#endif
}

// What this thread has sent is there; other threads see it behind a barrier.
__device__ __forceinline__ void arrive() {
#if ASYNCHRONOUS
  asm volatile("cp.async.wait_all;" ::: "memory");
#endif
}
