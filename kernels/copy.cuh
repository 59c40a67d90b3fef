// Copies from global to shared memory that do not go through registers, and proceed while the thread does something else.
//
// On a GPU older than sm_80, and on a CPU, they are ordinary copies, done at once.
#pragma once

#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 800
#define ASYNCHRONOUS 1
#else
#define ASYNCHRONOUS 0
#endif

// Starts to copy 4, 8 or 16 bytes to *to: those at `from` where `there` is true, else zeros. `from` is not read in the
// second case, and may point anywhere.
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

// Waits until all that this thread has sent has arrived. Other threads see it after a barrier.
__device__ __forceinline__ void arrive() {
#if ASYNCHRONOUS
  asm volatile("cp.async.wait_all;" ::: "memory");
#endif
}
