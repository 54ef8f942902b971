// Makes an allocation or a system call of the backend's fail, once, in this process.
//
// Only what the backend does counts. A thread's work is the backend's unless it says otherwise
// (host_code): the threads that a backend makes do not know about this.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace fd2::conformance {

/// While it lives, the calling thread does the host's work: the check's own, or that of a callback.
class host_code {
  public:
    host_code() noexcept;
    ~host_code();
    host_code(const host_code&) = delete;
    host_code& operator=(const host_code&) = delete;

  private:
    bool before_;
};

/// Inside host_code: a call of the backend's.
class backend_code {
  public:
    backend_code() noexcept;
    ~backend_code();
    backend_code(const backend_code&) = delete;
    backend_code& operator=(const backend_code&) = delete;

  private:
    bool before_;
};

// ---- allocations: malloc and its family, and so operator new

/// False where they cannot be made to fail: a sanitizer has an allocator of its own.
bool allocations_can_fail() noexcept;
/// From now on counts, and lets the one with this number fail (from 1; 0: none does).
void fail_allocation(std::uint64_t number) noexcept;
/// Nothing is counted any more.
void spare_allocations() noexcept;
/// Since fail_allocation: how many there were, whether one failed, how many were not freed.
std::uint64_t allocations_made() noexcept;
bool allocation_failed() noexcept;
std::uint64_t allocations_left() noexcept;

// ---- system calls

/// One kind of system call that can fail.
struct call_kind {
    const char* name;
    std::vector<int> errnos;  ///< what it may plausibly fail with
    enum {
        makes,  ///< a descriptor or a thread
        asks,   ///< what a descriptor is
        sets,   ///< how it behaves
        uses    ///< it
    } purpose;
};
const std::vector<call_kind>& call_kinds();

/// Runs `body`, as host_code, in a thread whose system calls, and those of the threads that it
/// makes, can be made to fail (calls.hpp). False: not here, and `body` did not run.
bool with_faulty_calls(const std::function<void()>& body);

/// From now on counts; the call of this kind (an index of call_kinds) with this number (from 1)
/// fails. [inside with_faulty_calls]
void fail_call(std::size_t kind, std::uint64_t number, int sys_errno) noexcept;
/// From now on counts; none fails.
void count_calls() noexcept;
/// Nothing is counted any more.
void spare_calls() noexcept;
/// Since then: how many of a kind, whether one failed, and how often the backend closed a
/// descriptor that was not open.
std::uint64_t calls_made(std::size_t kind) noexcept;
bool call_failed() noexcept;
std::uint64_t wrong_closes() noexcept;
/// What the backend has made in the file system since then and left there; it is removed now.
std::vector<std::string> remove_files_left();

}  // namespace fd2::conformance
