// What libfd2 shows of itself.
//
// The library is built with hidden symbols; this marks what is part of its interface. Its C++
// interface is that of one soname: minor releases before 1.0 may change it, and change the soname.
#pragma once

#if defined(_WIN32)
#define FD2_API
#else
#define FD2_API __attribute__((visibility("default")))
#endif
