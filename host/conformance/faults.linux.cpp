#include "conformance/faults.hpp"

#include <fcntl.h>
#include <linux/seccomp.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <filesystem>
#include <string>
#include <string_view>

#include "base/files.hpp"
#include "conformance/calls.hpp"

namespace fd2::conformance {

// ---- whose work a thread does ------------------------------------------------------------------

namespace {

// Read inside malloc: in the static block, so that it needs no memory of its own.
[[gnu::tls_model("initial-exec")]] thread_local bool does_host_work = false;

// The same for the supervisor of system calls, which sees a thread's number only.
std::array<std::atomic<pid_t>, 256> host_workers;

void set_host_work(bool now) noexcept {
    if (does_host_work == now) return;
    does_host_work = now;
    const pid_t own = ::gettid();
    for (auto& each : host_workers) {
        pid_t expected = now ? 0 : own;
        if (each.compare_exchange_strong(expected, now ? own : 0)) return;
    }
}

}  // namespace

host_code::host_code() noexcept : before_(does_host_work) {
    set_host_work(true);
}
host_code::~host_code() {
    set_host_work(before_);
}
backend_code::backend_code() noexcept : before_(does_host_work) {
    set_host_work(false);
}
backend_code::~backend_code() {
    set_host_work(before_);
}

// ---- allocations -------------------------------------------------------------------------------

namespace {

std::atomic<bool> memory_counts{false};
std::atomic<std::uint64_t> memory_number{0};
std::atomic<std::uint64_t> memory_fails_at{0};

/// The backend's memory that was not freed: a set of addresses, open addressing. No allocation, and
/// a lock that makes no system call.
class address_set {
  public:
    void clear() noexcept {
        const guard held(*this);
        places_.fill(nullptr);
        size_ = 0;
    }
    void add(void* address) noexcept {
        const guard held(*this);
        if (size_ >= places_.size() / 2) return;  // more than any backend needs; not counted
        std::size_t at = place_of(address);
        while (places_[at] != nullptr) at = (at + 1) % places_.size();
        places_[at] = address;
        ++size_;
    }
    void remove(void* address) noexcept {
        if (size_ == 0) return;
        const guard held(*this);
        std::size_t at = place_of(address);
        while (places_[at] != address) {
            if (places_[at] == nullptr) return;
            at = (at + 1) % places_.size();
        }
        places_[at] = nullptr;
        --size_;
        // Those behind it may have been displaced by it.
        for (at = (at + 1) % places_.size(); places_[at] != nullptr;
             at = (at + 1) % places_.size()) {
            void* const moved = places_[at];
            places_[at] = nullptr;
            std::size_t to = place_of(moved);
            while (places_[to] != nullptr) to = (to + 1) % places_.size();
            places_[to] = moved;
        }
    }
    std::uint64_t size() const noexcept { return size_; }

  private:
    class guard {
      public:
        explicit guard(address_set& of) noexcept : of_(of) {
            while (of_.locked_.test_and_set(std::memory_order_acquire)) {
            }
        }
        ~guard() { of_.locked_.clear(std::memory_order_release); }
        guard(const guard&) = delete;
        guard& operator=(const guard&) = delete;

      private:
        address_set& of_;
    };

    std::size_t place_of(const void* address) const noexcept {
        return reinterpret_cast<std::uintptr_t>(address) / 16 * 2654435761U % places_.size();
    }

    std::array<void*, 8192> places_{};
    std::atomic<std::uint64_t> size_{0};
    std::atomic_flag locked_;
};
address_set backends_memory;

}  // namespace

#ifdef FD2_SANITIZED

bool allocations_can_fail() noexcept {
    return false;
}

#else

bool allocations_can_fail() noexcept {
    return true;
}

namespace {

bool is_backends() noexcept {
    return !does_host_work && memory_counts.load(std::memory_order_relaxed);
}
/// One more allocation; whether it is the one that fails.
bool this_one_fails() noexcept {
    if (++memory_number != memory_fails_at) return false;
    errno = ENOMEM;
    return true;
}

}  // namespace
}  // namespace fd2::conformance

// The allocator of the process, for the plugin too: what a program defines comes before what the C
// library does. glibc's own is behind it.
extern "C" {
void* __libc_malloc(std::size_t);
void* __libc_calloc(std::size_t, std::size_t);
void* __libc_realloc(void*, std::size_t);
void* __libc_memalign(std::size_t, std::size_t);
void __libc_free(void*);

#define FD2_INTERPOSED __attribute__((visibility("default"))) __attribute__((used))

static void* made(void* memory, bool backends) noexcept {
    if (backends && memory != nullptr) fd2::conformance::backends_memory.add(memory);
    return memory;
}

FD2_INTERPOSED void* malloc(std::size_t size) noexcept {
    const bool backends = fd2::conformance::is_backends();
    if (backends && fd2::conformance::this_one_fails()) return nullptr;
    return made(__libc_malloc(size), backends);
}

FD2_INTERPOSED void* calloc(std::size_t count, std::size_t size) noexcept {
    const bool backends = fd2::conformance::is_backends();
    if (backends && fd2::conformance::this_one_fails()) return nullptr;
    return made(__libc_calloc(count, size), backends);
}

FD2_INTERPOSED void* realloc(void* before, std::size_t size) noexcept {
    const bool backends = fd2::conformance::is_backends();
    if (backends && fd2::conformance::this_one_fails()) return nullptr;
    if (before != nullptr) fd2::conformance::backends_memory.remove(before);
    return made(__libc_realloc(before, size), backends);
}

FD2_INTERPOSED void* memalign(std::size_t alignment, std::size_t size) noexcept {
    const bool backends = fd2::conformance::is_backends();
    if (backends && fd2::conformance::this_one_fails()) return nullptr;
    return made(__libc_memalign(alignment, size), backends);
}

FD2_INTERPOSED void* aligned_alloc(std::size_t alignment, std::size_t size) noexcept {
    return memalign(alignment, size);
}

FD2_INTERPOSED int posix_memalign(void** out, std::size_t alignment, std::size_t size) noexcept {
    const int kept = errno;  // it reports by its value
    void* const memory = memalign(alignment, size);
    errno = kept;
    if (memory == nullptr) return ENOMEM;
    *out = memory;
    return 0;
}

FD2_INTERPOSED void free(void* memory) noexcept {
    if (memory != nullptr) fd2::conformance::backends_memory.remove(memory);
    __libc_free(memory);
}
}  // extern "C"

namespace fd2::conformance {

#endif  // FD2_SANITIZED

void fail_allocation(std::uint64_t number) noexcept {
    memory_counts = false;
    backends_memory.clear();
    memory_number = 0;
    memory_fails_at = number;
    memory_counts = true;
}
void spare_allocations() noexcept {
    memory_counts = false;
}
std::uint64_t allocations_made() noexcept {
    return memory_number;
}
bool allocation_failed() noexcept {
    return memory_fails_at != 0 && memory_number >= memory_fails_at;
}
std::uint64_t allocations_left() noexcept {
    return backends_memory.size();
}

// ---- system calls ------------------------------------------------------------------------------

namespace {

/// A kind of call, and how it is told by its number and arguments.
struct recognised {
    long number;
    bool (*applies)(const std::uint64_t* arguments);
    call_kind kind;
};

bool duplicates(const std::uint64_t* arguments) {
    return arguments[1] == F_DUPFD || arguments[1] == F_DUPFD_CLOEXEC;
}
bool sets(const std::uint64_t* arguments) {
    return arguments[1] == F_SETFD || arguments[1] == F_SETFL || arguments[1] == F_SETPIPE_SZ;
}
bool sets_blocking(const std::uint64_t* arguments) {
    return arguments[1] == FIONBIO;
}
bool watches(const std::uint64_t* arguments) {
    return arguments[1] == EPOLL_CTL_ADD;
}

// With what the manual pages name that a healthy machine can give: limits, memory, a filter or a
// kernel without the call, a signal. Left out are calls that cannot fail if they are used rightly,
// and errors that say something about the object, such as EIO, which ends a terminal's stream.
const std::vector<recognised>& all_recognised() {
    static const std::vector<recognised> all = {
        {SYS_openat,
         nullptr,
         {"openat", {EMFILE, ENFILE, ENOMEM, EACCES, EPERM, EINTR}, call_kind::makes}},
#ifdef SYS_open
        {SYS_open,
         nullptr,
         {"open", {EMFILE, ENFILE, ENOMEM, EACCES, EPERM, EINTR}, call_kind::makes}},
#endif
        {SYS_socket,
         nullptr,
         {"socket",
          {EMFILE, ENFILE, ENOMEM, ENOBUFS, EACCES, EPERM, EAFNOSUPPORT},
          call_kind::makes}},
        {SYS_socketpair,
         nullptr,
         {"socketpair",
          {EMFILE, ENFILE, ENOMEM, EPERM, EAFNOSUPPORT, EOPNOTSUPP},
          call_kind::makes}},
#ifdef SYS_pipe
        {SYS_pipe, nullptr, {"pipe", {EMFILE, ENFILE, ENOMEM, EPERM}, call_kind::makes}},
#endif
        {SYS_pipe2, nullptr, {"pipe2", {EMFILE, ENFILE, ENOMEM, EPERM, ENOSYS}, call_kind::makes}},
        {SYS_eventfd2,
         nullptr,
         {"eventfd", {EMFILE, ENFILE, ENOMEM, EPERM, ENOSYS}, call_kind::makes}},
        {SYS_epoll_create1,
         nullptr,
         {"epoll_create1", {EMFILE, ENFILE, ENOMEM, EPERM}, call_kind::makes}},
        {SYS_timerfd_create,
         nullptr,
         {"timerfd_create", {EMFILE, ENFILE, ENOMEM, EPERM}, call_kind::makes}},
        {SYS_signalfd4, nullptr, {"signalfd", {EMFILE, ENFILE, ENOMEM, EPERM}, call_kind::makes}},
        {SYS_inotify_init1,
         nullptr,
         {"inotify_init1", {EMFILE, ENFILE, ENOMEM, EPERM}, call_kind::makes}},
        {SYS_memfd_create,
         nullptr,
         {"memfd_create", {EMFILE, ENFILE, ENOMEM, EPERM, ENOSYS}, call_kind::makes}},
        {SYS_io_uring_setup,
         nullptr,
         {"io_uring_setup", {EMFILE, ENFILE, ENOMEM, EPERM, ENOSYS}, call_kind::makes}},
        {SYS_dup, nullptr, {"dup", {EMFILE, EPERM}, call_kind::makes}},
        {SYS_dup3, nullptr, {"dup3", {EMFILE, EPERM}, call_kind::makes}},
        {SYS_fcntl, duplicates, {"fcntl(F_DUPFD)", {EMFILE, EPERM}, call_kind::makes}},
        {SYS_accept,
         nullptr,
         {"accept", {EMFILE, ENFILE, ENOMEM, ENOBUFS, EPERM, EINTR}, call_kind::makes}},
        {SYS_accept4,
         nullptr,
         {"accept4",
          {EMFILE, ENFILE, ENOMEM, ENOBUFS, EPERM, EINTR, ECONNABORTED},
          call_kind::makes}},
        {SYS_clone, nullptr, {"clone", {EAGAIN, ENOMEM, EPERM}, call_kind::makes}},
        {SYS_clone3, nullptr, {"clone3", {EAGAIN, ENOMEM, EPERM, ENOSYS}, call_kind::makes}},
        {SYS_mkdirat, nullptr, {"mkdirat", {EACCES, EPERM, ENOMEM}, call_kind::uses}},
        {SYS_mknodat, nullptr, {"mknodat", {EACCES, EPERM, ENOMEM}, call_kind::uses}},
#ifdef SYS_mkdir
        {SYS_mkdir, nullptr, {"mkdir", {EACCES, EPERM, ENOMEM}, call_kind::uses}},
        {SYS_mknod, nullptr, {"mknod", {EACCES, EPERM, ENOMEM}, call_kind::uses}},
#endif
        {SYS_fcntl, sets, {"fcntl", {ENOMEM, EPERM}, call_kind::sets}},
        {SYS_ioctl, sets_blocking, {"ioctl(FIONBIO)", {ENOMEM, EPERM}, call_kind::sets}},
        {SYS_ioctl, nullptr, {"ioctl", {ENOMEM, EPERM}, call_kind::uses}},
        {SYS_fstat, nullptr, {"fstat", {ENOMEM, EPERM}, call_kind::asks}},
        {SYS_newfstatat, nullptr, {"newfstatat", {ENOMEM, EPERM}, call_kind::asks}},
        {SYS_statx, nullptr, {"statx", {ENOMEM, EPERM, ENOSYS}, call_kind::asks}},
        {SYS_ftruncate, nullptr, {"ftruncate", {ENOMEM, EPERM, EINTR}, call_kind::uses}},
        {SYS_setsockopt, nullptr, {"setsockopt", {ENOMEM, ENOBUFS, EPERM}, call_kind::uses}},
        {SYS_getsockopt, nullptr, {"getsockopt", {ENOMEM, ENOBUFS, EPERM}, call_kind::asks}},
        {SYS_bind, nullptr, {"bind", {EADDRINUSE, ENOMEM, EACCES, EPERM}, call_kind::uses}},
        {SYS_listen, nullptr, {"listen", {EADDRINUSE, ENOMEM, EPERM}, call_kind::uses}},
        {SYS_connect,
         nullptr,
         {"connect",
          {EADDRNOTAVAIL, EAGAIN, ENETUNREACH, EACCES, EPERM, ETIMEDOUT},
          call_kind::uses}},
        {SYS_getsockname, nullptr, {"getsockname", {ENOBUFS, EPERM}, call_kind::asks}},
        {SYS_getpeername, nullptr, {"getpeername", {ENOBUFS, EPERM}, call_kind::asks}},
        {SYS_shutdown, nullptr, {"shutdown", {ENOBUFS, EPERM}, call_kind::uses}},
        {SYS_epoll_ctl, watches, {"epoll_ctl(ADD)", {ENOMEM}, call_kind::uses}},
        {SYS_epoll_pwait, nullptr, {"epoll_pwait", {EINTR}, call_kind::uses}},
#ifdef SYS_epoll_wait
        {SYS_epoll_wait, nullptr, {"epoll_wait", {EINTR}, call_kind::uses}},
#endif
#ifdef SYS_poll
        {SYS_poll, nullptr, {"poll", {EINTR, ENOMEM}, call_kind::uses}},
#endif
        {SYS_ppoll, nullptr, {"ppoll", {EINTR, ENOMEM}, call_kind::uses}},
        {SYS_pselect6, nullptr, {"pselect6", {EINTR, ENOMEM}, call_kind::uses}},
        {SYS_read, nullptr, {"read", {EINTR, ENOMEM}, call_kind::uses}},
        {SYS_readv, nullptr, {"readv", {EINTR, ENOMEM}, call_kind::uses}},
        {SYS_recvfrom, nullptr, {"recvfrom", {EINTR, ENOMEM, ENOBUFS}, call_kind::uses}},
        {SYS_recvmsg, nullptr, {"recvmsg", {EINTR, ENOMEM, ENOBUFS}, call_kind::uses}},
        {SYS_write, nullptr, {"write", {EINTR, ENOMEM}, call_kind::uses}},
        {SYS_sendto, nullptr, {"sendto", {EINTR, ENOMEM, ENOBUFS}, call_kind::uses}},
        {SYS_sendmsg, nullptr, {"sendmsg", {EINTR, ENOMEM, ENOBUFS}, call_kind::uses}},
        {SYS_close, nullptr, {"close", {EINTR}, call_kind::uses}},
#ifndef FD2_SANITIZED  // a sanitizer ends the process where it gets no memory
        {SYS_mmap, nullptr, {"mmap", {ENOMEM}, call_kind::uses}},
        {SYS_mremap, nullptr, {"mremap", {ENOMEM}, call_kind::uses}},
        {SYS_mprotect, nullptr, {"mprotect", {ENOMEM}, call_kind::uses}},
#endif
    };
    return all;
}

constexpr std::size_t most_kinds = 96;
std::atomic<bool> calls_count{false};
std::array<std::atomic<std::uint64_t>, most_kinds> call_numbers;
std::atomic<std::size_t> failing_kind{most_kinds};
std::atomic<std::uint64_t> failing_number{0};
std::atomic<int> failing_errno{0};
std::atomic<std::uint64_t> closes_of_nothing{0};

// Paths of what was made, as they were written; what finds no room is not looked for.
constexpr std::size_t most_paths = 64;
std::array<std::array<char, 512>, most_paths> paths_made;
std::atomic<std::size_t> paths{0};

void note_path(std::string_view path) noexcept {
    const std::size_t count = paths;
    if (path.empty() || count == most_paths || path.size() >= paths_made[count].size()) return;
    path.copy(paths_made[count].data(), path.size());
    paths_made[count][path.size()] = 0;
    paths = count + 1;
}

/// What happens to a call: 0, the kernel carries it out; otherwise its errno. No allocation here:
/// who asks may hold the allocator's lock.
int judge_call(const seccomp_data& asked, pid_t caller) noexcept {
    if (!calls_count) return 0;
    for (const auto& each : host_workers) {
        if (each.load(std::memory_order_relaxed) == caller) return 0;
    }
    note_path(path_made_by(asked));
    const auto& all = all_recognised();
    std::uint64_t arguments[6];
    std::copy(std::begin(asked.args), std::end(asked.args), arguments);
    for (std::size_t kind = 0; kind < all.size(); ++kind) {
        if (all[kind].number != asked.nr) continue;
        if (all[kind].applies != nullptr && !all[kind].applies(arguments)) continue;
        const auto fd = static_cast<int>(arguments[0]);
        if (asked.nr == SYS_close && ::fcntl(fd, F_GETFD) < 0) ++closes_of_nothing;
        if (++call_numbers[kind] != failing_number || kind != failing_kind) return 0;
        // Also where close fails, the descriptor has gone.
        if (asked.nr == SYS_close) ::close(fd);
        return failing_errno;
    }
    return 0;
}

void begin_calls(std::size_t kind, std::uint64_t number, int sys_errno) noexcept {
    calls_count = false;
    for (auto& each : call_numbers) each = 0;
    closes_of_nothing = 0;
    paths = 0;
    failing_kind = kind;
    failing_number = number;
    failing_errno = sys_errno;
    calls_count = true;
}

}  // namespace

const std::vector<call_kind>& call_kinds() {
    static const std::vector<call_kind> all = [] {
        std::vector<call_kind> made;
        for (const auto& each : all_recognised()) made.push_back(each.kind);
        return made;
    }();
    return all;
}

bool with_faulty_calls(const std::function<void()>& body) {
    std::vector<long> numbers = calls_that_make_files();
    for (const auto& each : all_recognised()) numbers.push_back(each.number);
    (void)call_kinds();  // made before anybody may be asked about
    return decide_calls(numbers, judge_call, [&] {
        const host_code own;
        body();
    });
}

void fail_call(std::size_t kind, std::uint64_t number, int sys_errno) noexcept {
    begin_calls(kind, number, sys_errno);
}
void count_calls() noexcept {
    begin_calls(most_kinds, 0, 0);
}
void spare_calls() noexcept {
    calls_count = false;
}
std::uint64_t calls_made(std::size_t kind) noexcept {
    return call_numbers[kind];
}
bool call_failed() noexcept {
    return failing_kind < most_kinds && call_numbers[failing_kind] >= failing_number;
}
std::uint64_t wrong_closes() noexcept {
    return closes_of_nothing;
}

std::vector<std::string> remove_files_left() {
    std::vector<std::string> left;
    // What was made later may be in what was made before.
    for (std::size_t i = paths.exchange(0); i-- > 0;) {
        const char* const path = paths_made[i].data();
        std::error_code failed;
        if (!std::filesystem::exists(std::filesystem::symlink_status(path, failed))) continue;
        left.push_back(fd2::absolute(path));
        std::filesystem::remove(path, failed);
    }
    return left;
}

}  // namespace fd2::conformance
