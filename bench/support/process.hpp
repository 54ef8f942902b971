// What the bench programs ask of the system in the same words.
#pragma once

#include <sched.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <cstdlib>

namespace fd2::bench {

[[noreturn]] inline void die(const char* what) {
    std::perror(what);
    std::exit(3);
}

/// Keeps the calling thread on one CPU; negative: leaves it as it is.
inline void pin(long cpu) {
    if (cpu < 0) return;
    cpu_set_t only;
    CPU_ZERO(&only);
    CPU_SET(static_cast<std::size_t>(cpu), &only);
    if (::sched_setaffinity(0, sizeof(only), &only) != 0) die("sched_setaffinity");
}

/// Lets the calling thread run on every CPU again.
inline void unpin() {
    cpu_set_t all;
    CPU_ZERO(&all);
    for (std::size_t cpu = 0; cpu < CPU_SETSIZE; ++cpu) CPU_SET(cpu, &all);
    if (::sched_setaffinity(0, sizeof(all), &all) != 0) die("sched_setaffinity");
}

/// Writes all of it to a blocking descriptor. False: errno says why.
inline bool write_all(int fd, const void* data, std::size_t size) {
    auto at = static_cast<const char*>(data);
    while (size > 0) {
        const ssize_t done = ::write(fd, at, size);
        if (done < 0 && errno == EINTR) continue;
        if (done < 0) return false;
        at += done;
        size -= static_cast<std::size_t>(done);
    }
    return true;
}

/// read(2), tried again when a signal came first.
inline ssize_t read_some(int fd, void* to, std::size_t size) {
    ssize_t got;
    do {
        got = ::read(fd, to, size);
    } while (got < 0 && errno == EINTR);
    return got;
}

/// The CPU time of this process so far, user and system, in seconds.
inline double cpu_seconds() {
    rusage used{};
    ::getrusage(RUSAGE_SELF, &used);  // cannot fail: the argument is valid
    const auto seconds = [](const timeval& t) {
        return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
    };
    return seconds(used.ru_utime) + seconds(used.ru_stime);
}

}  // namespace fd2::bench
