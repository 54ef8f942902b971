// Marks what libfd2 exports.
//
// The library is built with hidden symbols; this marks what is part of its interface. Before 1.0
// each minor release may change the C++ interface, and with it the soname.
#pragma once

#if defined(_WIN32)
#define FD2_API
#else
#define FD2_API __attribute__((visibility("default")))
#endif
