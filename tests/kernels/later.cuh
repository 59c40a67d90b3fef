// In place of copy.cuh: what a thread sends lies in shared memory when it arrives, and not before. So a kernel that forgets
// to wait computes with what lay there, which a copy at once would hide.
#pragma once
#define ASYNCHRONOUS 1

template <class E>
__device__ __forceinline__ void send(E* to, const E* from, bool there) {
  emu::current->sent.push_back([=] { *to = there ? *from : E{}; });
}

__device__ __forceinline__ void arrive() {
  for (const auto& copy : emu::current->sent) copy();
  emu::current->sent.clear();
}
