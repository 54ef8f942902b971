// A stack for a process that is made by clone(2).
#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>

namespace fd2::process {

/// With a page below that faults: an overflow must not reach our heap, which may be shared.
class guarded_stack {
  public:
    guarded_stack() noexcept : guard_(static_cast<std::size_t>(::sysconf(_SC_PAGESIZE))) {
        base_ = ::mmap(nullptr, guard_ + size, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK | MAP_NORESERVE, -1, 0);
        if (base_ == MAP_FAILED) {
            sys_errno_ = errno;
        } else if (::mprotect(base_, guard_, PROT_NONE) != 0) {
            sys_errno_ = errno;
        }
    }
    ~guarded_stack() {
        if (base_ != MAP_FAILED) ::munmap(base_, guard_ + size);
    }
    guarded_stack(const guarded_stack&) = delete;
    guarded_stack& operator=(const guarded_stack&) = delete;

    int sys_errno() const noexcept { return sys_errno_; }
    /// Stacks grow down on every platform that this is built for; mappings are aligned enough.
    void* top() const noexcept { return static_cast<char*>(base_) + guard_ + size; }

  private:
    // What runs on it calls system calls from a few small frames; this is many times what it needs.
    static constexpr std::size_t size = 64 * 1024;

    std::size_t guard_;
    void* base_ = MAP_FAILED;
    int sys_errno_ = 0;
};

}  // namespace fd2::process
