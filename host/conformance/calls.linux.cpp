#include "conformance/calls.hpp"

#include <fcntl.h>
#include <linux/filter.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <future>
#include <thread>

#include "base/unique_fd.hpp"

namespace fd2::conformance {

namespace {

// ThreadSanitizer does not know that a call which is held up puts two threads in order, and takes
// every look at it for a race.
#ifdef __SANITIZE_THREAD__
constexpr bool can_be_ordered = false;
#else
constexpr bool can_be_ordered = true;
#endif

/// For the calling thread and what it starts; the descriptor that tells of the calls, or -1.
int listen_to(const std::vector<long>& numbers) {
    std::vector<sock_filter> program = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr))};
    for (const long number : numbers) {
        program.push_back(
            BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<std::uint32_t>(number), 0, 1));
        program.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF));
    }
    program.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
    const sock_fprog filter{static_cast<unsigned short>(program.size()), program.data()};
    if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return -1;
    return static_cast<int>(
        ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &filter));
}

void show_calls(int listener, int over,
                const std::function<int(const seccomp_data&, pid_t)>& decide) {
    for (;;) {
        pollfd waiting[2] = {{listener, POLLIN, 0}, {over, POLLIN, 0}};
        if (::poll(waiting, 2, -1) < 0) {
            if (errno == EINTR) continue;
            return;
        }
        if ((waiting[0].revents & POLLIN) != 0) {
            seccomp_notif call{};
            if (::ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &call) != 0) continue;  // it has ended
            seccomp_notif_resp answer{};
            answer.id = call.id;
            answer.error = -decide(call.data, static_cast<pid_t>(call.pid));
            if (answer.error == 0) answer.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
            (void)::ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &answer);
        } else if (waiting[1].revents != 0) {
            return;
        }
    }
}

}  // namespace

bool watch_calls(const std::vector<long>& numbers,
                 const std::function<void(const seccomp_data&, pid_t)>& look,
                 const std::function<void()>& body) {
    const auto decide = [&](const seccomp_data& call, pid_t thread) {
        look(call, thread);
        return 0;
    };
    return decide_calls(numbers, decide, body);
}

bool decide_calls(const std::vector<long>& numbers,
                  const std::function<int(const seccomp_data&, pid_t)>& decide,
                  const std::function<void()>& body) {
    if (!can_be_ordered) return false;
    const unique_fd over(::eventfd(0, EFD_CLOEXEC));
    std::promise<int> listening;
    std::thread listener([&] {
        const unique_fd from(listening.get_future().get());
        if (from) show_calls(from.get(), over.get(), decide);
    });
    bool watched = false;
    std::thread([&] {
        const int from = listen_to(numbers);
        watched = from >= 0;
        listening.set_value(from);
        if (watched) body();
    }).join();
    const std::uint64_t one = 1;
    (void)!::write(over.get(), &one, sizeof(one));
    listener.join();
    return watched;
}

const std::vector<long>& calls_that_make_files() {
    static const std::vector<long> all = {
        SYS_openat,    SYS_mkdirat, SYS_mknodat,  SYS_symlinkat,
        SYS_renameat2, SYS_linkat,  SYS_bind,
#ifdef SYS_open
        SYS_open,      SYS_creat,   SYS_mkdir,    SYS_mknod,
        SYS_symlink,   SYS_rename,  SYS_renameat, SYS_link,
#endif
    };
    return all;
}

std::string_view path_made_by(const seccomp_data& call) noexcept {
    const auto path = [&](int argument) -> std::string_view {
        const auto* const at = reinterpret_cast<const char*>(call.args[argument]);
        return at == nullptr ? std::string_view() : std::string_view(at);
    };
    switch (call.nr) {
        case SYS_openat:
            return (call.args[2] & O_CREAT) != 0 ? path(1) : "";
        case SYS_mkdirat:
        case SYS_mknodat:
            return path(1);
        case SYS_symlinkat:
            return path(2);
        case SYS_linkat:
        case SYS_renameat2:
            return path(3);
        case SYS_bind: {
            const auto* const address = reinterpret_cast<const sockaddr_un*>(call.args[1]);
            constexpr std::size_t before = offsetof(sockaddr_un, sun_path);
            if (address == nullptr || call.args[2] <= before || address->sun_family != AF_UNIX) {
                return "";
            }
            return {address->sun_path,
                    ::strnlen(address->sun_path, std::min<std::size_t>(call.args[2] - before,
                                                                       sizeof(address->sun_path)))};
        }
#ifdef SYS_open
        case SYS_open:
            return (call.args[1] & O_CREAT) != 0 ? path(0) : "";
        case SYS_creat:
        case SYS_mkdir:
        case SYS_mknod:
            return path(0);
        case SYS_renameat:
            return path(3);
        case SYS_symlink:
        case SYS_rename:
        case SYS_link:
            return path(1);
#endif
        default:
            return "";
    }
}

}  // namespace fd2::conformance
