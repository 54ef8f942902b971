// The C library's clone, and not the one by which a sanitizer replaces it.
#pragma once

#include <sched.h>

// The run-time of ThreadSanitizer exports a `clone` of its own, which takes every clone for a fork
// and corrupts the state of a parent that shares its memory. It belongs to the program, so a
// library that is built without it gets it too. glibc's other name for the same function bypasses
// it.
#ifdef __GLIBC__
extern "C" int __clone(int (*)(void*), void*, int, void*, ...) noexcept;
#define FD2_CLONE ::__clone
#else
#define FD2_CLONE ::clone
#endif
