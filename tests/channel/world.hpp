// The world around a channel: child processes, streams to write, and what the kernel says of us.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <map>
#include <random>
#include <string>
#include <utility>
#include <vector>

namespace channel_suite {

// ---- streams

/// A stream of pseudo-random bytes without a newline, known at every position.
const std::uint8_t* pattern_at(std::uint64_t position, std::size_t& contiguous);
bool pattern_matches(std::uint64_t position, const std::uint8_t* data, std::size_t size);

/// Writes all of it, in pieces of at most `piece` bytes. False on an error (EPIPE and the like).
bool write_all(int fd, const void* data, std::size_t size, std::size_t piece = SIZE_MAX);
/// Writes `size` bytes of the pattern from `position` on, in pieces of at most `piece` bytes.
bool write_pattern(int fd, std::uint64_t position, std::uint64_t size, std::size_t piece);
/// As many bytes as the object takes without blocking, in writes of `piece` bytes. Makes the
/// writer's description non-blocking for the time being.
std::uint64_t fill(int fd, std::size_t piece);
/// The same with the pattern from `position` on.
std::uint64_t fill_pattern(int fd, std::uint64_t position, std::size_t piece);

// ---- child processes

/// A real child whose fd 2 is the child end; all else but 0 and 1 is closed in it. `body` runs in
/// the child, after a fork and without an exec: system calls only. Killed and reaped at the latest
/// by the destructor.
class child {
  public:
    child(int child_end, const std::function<int()>& body);
    ~child();
    child(const child&) = delete;
    child& operator=(const child&) = delete;

    /// Waits; the exit code, or 1000 + the signal's number.
    int wait();
    pid_t pid() const noexcept { return pid_; }

  private:
    pid_t pid_ = -1;
};

// ---- what the kernel says of this process

/// Every open descriptor, with the device and inode behind it.
std::map<int, std::pair<std::uint64_t, std::uint64_t>> descriptors();

struct task {
    std::string name;
    std::uint64_t blocked = 0;  ///< bit n-1: signal n
};
/// Every thread, by its id.
std::map<pid_t, task> tasks();

/// Waits until the number of threads is at most `count` (a thread that was joined may still be seen
/// for an instant); false when it hangs.
bool wait_for_tasks(std::size_t count);

/// Runs the hidden test case `name` of this very program in a process of its own; its wait status.
int run_alone(const char* name);

}  // namespace channel_suite
