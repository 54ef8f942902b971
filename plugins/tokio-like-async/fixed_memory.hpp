// Memory for one handler at a time, so that waiting cannot fail for lack of it.
#pragma once

#include <cstddef>
#include <new>

namespace fd2::tokio_like_async {

/// Allocates one object at a time, in memory that is already there. Asio gives a handler's memory
/// back before it calls the handler.
template <class T>
class fixed_memory {
  public:
    using value_type = T;

    fixed_memory(unsigned char* memory, std::size_t size) noexcept : memory_(memory), size_(size) {}
    template <class Other>
    fixed_memory(const fixed_memory<Other>& other) noexcept
        : memory_(other.memory()), size_(other.size()) {}

    T* allocate(std::size_t count) {
        if (count * sizeof(T) > size_) throw std::bad_alloc();
        return reinterpret_cast<T*>(memory_);
    }
    void deallocate(T*, std::size_t) noexcept {}

    unsigned char* memory() const noexcept { return memory_; }
    std::size_t size() const noexcept { return size_; }

    template <class Other>
    bool operator==(const fixed_memory<Other>& other) const noexcept {
        return memory_ == other.memory();
    }

  private:
    unsigned char* memory_;
    std::size_t size_;
};

}  // namespace fd2::tokio_like_async
