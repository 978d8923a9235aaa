// The three asserts. A failed one is our mistake: it prints where and ends the process with a stack
// trace.
#pragma once

namespace memoir {
[[noreturn]] void assertion_failed(const char* condition, const char* file, int line);
}

// On in every build.
#define ASSERT(condition)                                                \
  (__builtin_expect(!(condition), 0)                                     \
       ? ::memoir::assertion_failed(#condition, __FILE__, __LINE__)      \
       : (void)0)

// For checks that cost more than O(1) or stand on the hottest path; on unless NDEBUG.
#ifdef NDEBUG
#define DEBUG_ASSERT(condition) ((void)0)
#else
#define DEBUG_ASSERT(condition) ASSERT(condition)
#endif

#define UNREACHABLE() ::memoir::assertion_failed("unreachable", __FILE__, __LINE__)
