// What the bench programs ask of the system in the same words.
#pragma once

#include <sched.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <initializer_list>

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

/// The CPU time of this process so far and of the children it waited for, user and system, in
/// seconds.
inline double cpu_seconds() {
    double all = 0;
    for (const auto who : {RUSAGE_SELF, RUSAGE_CHILDREN}) {
        rusage used{};
        ::getrusage(who, &used);  // cannot fail: the arguments are valid
        for (const timeval& t : {used.ru_utime, used.ru_stime}) {
            all += static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
        }
    }
    return all;
}

}  // namespace fd2::bench
