#include "control/directory.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <set>
#include <tuple>
#include <utility>

#include "base/clock.hpp"
#include "base/files.hpp"
#include "base/trust.hpp"

namespace fd2::control {

namespace {

// Sockets of one process, and entries of a directory that are looked at.
constexpr int max_hosts = 64;
constexpr std::size_t max_entries = 16384;

struct place {
    std::string parent;
    std::string name;
};

/// The one directory that FD2_RUNTIME_DIR names; empty: it names none.
std::string_view only_directory() {
    const char* const given = has_raised_privileges() ? nullptr : ::getenv("FD2_RUNTIME_DIR");
    return given && given[0] == '/' && given[1] != '\0' ? given : "";
}

/// Where the user's directory may be, in order.
std::vector<place> places_of(uid_t user) {
    std::vector<place> out;
    const std::string number = std::to_string(user);
    if (const std::string_view only = only_directory(); !only.empty()) {
        const std::size_t slash = only.rfind('/');
        if (user == ::geteuid()) {
            out.push_back(
                {std::string(only.substr(0, slash)), std::string(only.substr(slash + 1))});
        }
        return out;
    }
    const char* const given = has_raised_privileges() ? nullptr : ::getenv("XDG_RUNTIME_DIR");
    if (user == ::geteuid() && given && given[0] == '/') out.push_back({given, "fd2"});
    out.push_back({"/run/user/" + number, "fd2"});
    if (user == 0) out.push_back({"/run", "fd2"});
    out.push_back({"/tmp", "fd2-" + number});
    return out;
}

/// A directory that belongs to `user`, and that nobody else may write.
bool is_own(const struct stat& about, uid_t user) {
    return S_ISDIR(about.st_mode) && about.st_uid == user && (about.st_mode & 022U) == 0;
}

/// The user's directory of this place, if it is there and theirs alone.
result<unique_fd> open_place(const place& where, uid_t user, bool make) {
    const std::string path = where.parent + "/" + where.name;
    struct stat about {};
    // /tmp and /run are others' too; a directory in them is checked itself.
    if (where.name == "fd2" && where.parent != "/run" &&
        (::stat(where.parent.c_str(), &about) != 0 || !is_own(about, user))) {
        return failure{errc::unsupported, ENOENT, "control: no directory " + where.parent};
    }
    if (make && ::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) {
        return system_failure("mkdir", path, errno);
    }
    unique_fd opened(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!opened) return system_failure("open", path, errno);
    if (::fstat(opened.get(), &about) != 0) return system_failure("fstat", path, errno);
    if (about.st_uid != user || (about.st_mode & 077U) != 0) {
        return advise({errc::denied, EPERM,
                       "control: " + path + ": not private: others own it or can enter it"},
                      "remove it, or run: chmod 700 " + path);
    }
    return opened;
}

std::string in_directory(int directory, const std::string& name) {
    return "/proc/self/fd/" + std::to_string(directory) + "/" + name;
}

/// Through /proc, because a socket's path has 107 bytes at most and a directory's more.
bool address_of(int directory, const std::string& name, sockaddr_un& out) {
    out = {};
    out.sun_family = AF_UNIX;
    const std::string path = in_directory(directory, name);
    if (path.size() >= sizeof(out.sun_path)) return false;
    std::memcpy(out.sun_path, path.c_str(), path.size() + 1);
    return true;
}

/// 0, or the errno of connecting.
int try_connect(int socket, int directory, const std::string& name) {
    sockaddr_un to{};
    if (!address_of(directory, name, to)) return ENAMETOOLONG;
    return ::connect(socket, reinterpret_cast<const sockaddr*>(&to), sizeof(to)) == 0 ? 0 : errno;
}

unique_fd make_socket() {
    return unique_fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
}

/// The pid in a socket's name; 0: not a name of ours.
pid_t pid_in(std::string_view name) {
    pid_t pid = 0;
    const auto [end, wrong] = std::from_chars(name.data(), name.data() + name.size(), pid);
    if (wrong != std::errc() || pid <= 0) return 0;
    return end == name.data() + name.size() || *end == '.' ? pid : 0;
}

std::vector<std::string> names_in(int directory) {
    std::vector<std::string> out;
    const int copy = ::openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (copy < 0) return out;
    DIR* const stream = ::fdopendir(copy);
    if (!stream) {
        ::close(copy);
        return out;
    }
    while (const dirent* entry = ::readdir(stream)) {
        if (pid_in(entry->d_name) != 0 && out.size() < max_entries) out.push_back(entry->d_name);
    }
    ::closedir(stream);
    return out;
}

/// True: nobody listens there any more, and it was removed.
bool remove_if_stale(int directory, const std::string& name) {
    const unique_fd probe = make_socket();
    if (!probe || try_connect(probe.get(), directory, name) != ECONNREFUSED) return false;
    return ::unlinkat(directory, name.c_str(), 0) == 0;
}

std::vector<uid_t> users_with_hosts() {
    if (::geteuid() != 0 || !only_directory().empty()) return {::geteuid()};
    std::vector<uid_t> out = {0};
    const auto look = [&](const char* directory, std::string_view prefix) {
        DIR* const stream = ::opendir(directory);
        if (!stream) return;
        while (const dirent* entry = ::readdir(stream)) {
            const std::string_view name = entry->d_name;
            uid_t user = 0;
            if (!name.starts_with(prefix)) continue;
            const char* const begin = name.data() + prefix.size();
            const char* const end = name.data() + name.size();
            const auto read = std::from_chars(begin, end, user);
            if (read.ec == std::errc() && read.ptr == end && user != 0) {
                bool known = false;
                for (const uid_t one : out) known = known || one == user;
                if (!known) out.push_back(user);
            }
        }
        ::closedir(stream);
    };
    look("/run/user", "");
    look("/tmp", "fd2-");
    return out;
}

}  // namespace

result<unique_fd> open_own_directory(std::string* path) {
    std::optional<failure> why;
    for (const place& where : places_of(::geteuid())) {
        auto opened = open_place(where, ::geteuid(), true);
        if (opened) {
            if (path) *path = where.parent + "/" + where.name;
            return opened;
        }
        if (!why || opened.error().sys_errno != ENOENT) why = std::move(opened).error();
    }
    return std::move(*why);
}

std::vector<socket_entry> list_sockets() {
    std::vector<socket_entry> out;
    // $XDG_RUNTIME_DIR usually is /run/user/UID: one directory in two places.
    std::set<std::pair<dev_t, ino_t>> listed;
    for (const uid_t user : users_with_hosts()) {
        for (const place& where : places_of(user)) {
            const auto opened = open_place(where, user, false);
            struct stat about {};
            if (!opened || ::fstat(opened->get(), &about) != 0 ||
                !listed.emplace(about.st_dev, about.st_ino).second) {
                continue;
            }
            for (const std::string& name : names_in(opened->get())) {
                out.push_back({where.parent + "/" + where.name, name, pid_in(name)});
            }
        }
    }
    std::sort(out.begin(), out.end(), [](const socket_entry& one, const socket_entry& other) {
        return std::tie(one.pid, one.name) < std::tie(other.pid, other.name);
    });
    return out;
}

result<unique_fd> listen_in(int directory, std::string& name) {
    const std::string base = std::to_string(::getpid());
    // Under a name that nobody looks at until it listens: a socket that refuses connections is
    // taken for what a host that has gone has left.
    const std::string unready = "." + base + "." + std::to_string(now());
    unique_fd made = make_socket();
    if (!made) return system_failure("socket", "control", errno);
    sockaddr_un at{};
    if (!address_of(directory, unready, at)) {
        return system_failure("bind", "control socket " + unready, ENAMETOOLONG);
    }
    if (::bind(made.get(), reinterpret_cast<const sockaddr*>(&at), sizeof(at)) != 0) {
        return system_failure("bind", "control socket " + unready, errno);
    }
    int why = 0;
    if (::fchmodat(directory, unready.c_str(), 0600, 0) != 0 || ::listen(made.get(), 16) != 0) {
        why = errno;
    }
    for (int number = 1; why == 0 && number <= max_hosts; ++number) {
        name = number == 1 ? base : base + "." + std::to_string(number);
        if (::linkat(directory, unready.c_str(), directory, name.c_str(), 0) == 0) break;
        why = errno;
        // A host of ours, or what is left of an earlier process with our pid.
        if (why != EEXIST) break;
        why = number == max_hosts ? EEXIST : 0;
        if (remove_if_stale(directory, name)) --number;
    }
    (void)::unlinkat(directory, unready.c_str(), 0);
    if (why != 0) return system_failure("listen", "control socket " + name, why);
    return made;
}

result<unique_fd> connect_to(const socket_entry& host) {
    const std::string path = host.directory + "/" + host.name;
    const unique_fd directory(
        ::open(host.directory.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!directory) return system_failure("open", host.directory, errno);
    unique_fd made(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (!made) return system_failure("socket", path, errno);
    // Connecting waits, for that long, while the host's queue of connections is full.
    const timeval limit{2, 0};
    if (::setsockopt(made.get(), SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)) != 0) {
        return system_failure("setsockopt", path, errno);
    }
    const int why = try_connect(made.get(), directory.get(), host.name);
    if (why == 0) {
        if (const int failed = set_non_blocking(made.get())) {
            return system_failure("fcntl", path, failed);
        }
        return made;
    }
    if (why == ECONNREFUSED) (void)remove_if_stale(directory.get(), host.name);
    return system_failure("connect", path, why);
}

void remove_stale(int directory) {
    for (const std::string& name : names_in(directory)) {
        // Only of processes that have gone: another one's, in a PID namespace of its own, answers.
        if (::kill(pid_in(name), 0) != 0 && errno == ESRCH) (void)remove_if_stale(directory, name);
    }
}

}  // namespace fd2::control
