// A memory barrier on all threads of the process at once, for pairs of which one side is run all
// the time and the other seldom: the frequent side then needs no barrier of its own.
//
// After process_barrier() each store that another thread made before it is seen by the caller, or
// that thread's loads behind the store see what the caller stored before.
#pragma once

namespace memoir {

// Whether the system has it (Linux 4.14, unless a sandbox forbids it). Asked once, before use.
bool enable_process_barrier();
void process_barrier();

}  // namespace memoir
