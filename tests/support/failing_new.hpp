// For a test program of its own, whose operator new fails on demand: its source defines
// `void* allocate(std::size_t) noexcept` in an anonymous namespace and then includes this.
#pragma once

#include <cstdlib>
#include <new>

void* operator new(std::size_t size) {
    if (void* got = allocate(size)) return got;
    throw std::bad_alloc();
}
void* operator new[](std::size_t size) {
    return operator new(size);
}
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
    return allocate(size);
}
void* operator new[](std::size_t size, const std::nothrow_t&) noexcept {
    return allocate(size);
}
void operator delete(void* what) noexcept {
    std::free(what);
}
void operator delete[](void* what) noexcept {
    std::free(what);
}
void operator delete(void* what, std::size_t) noexcept {
    std::free(what);
}
void operator delete[](void* what, std::size_t) noexcept {
    std::free(what);
}
void operator delete(void* what, const std::nothrow_t&) noexcept {
    std::free(what);
}
void operator delete[](void* what, const std::nothrow_t&) noexcept {
    std::free(what);
}
