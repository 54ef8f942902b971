#include "control/file_watch.hpp"

#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <utility>

#include "base/clock.hpp"

namespace fd2::control {

namespace {

// Editors and package managers replace a file in steps that take milliseconds.
constexpr nanoseconds_t quiet_time = 50 * millisecond;

// As the kernel does when it follows links.
constexpr int max_links = 40;

constexpr std::uint32_t of_interest = IN_CREATE | IN_MOVED_TO | IN_MOVED_FROM | IN_CLOSE_WRITE |
                                      IN_DELETE | IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF;

std::int64_t in_nanoseconds(const timespec& time) {
    return static_cast<std::int64_t>(time.tv_sec) * second + time.tv_nsec;
}

bool is_directory(const std::string& path) {
    struct stat about {};
    return ::stat(path.c_str(), &about) == 0 && S_ISDIR(about.st_mode);
}

}  // namespace

result<file_watch> file_watch::make(std::vector<std::string> paths) {
    file_watch made;
    made.events_.reset(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
    if (!made.events_) return system_failure("inotify_init", "files to watch", errno);
    made.quiet_.reset(::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK));
    if (!made.quiet_) return system_failure("timerfd_create", "files to watch", errno);
    if (auto good = made.follow(std::move(paths)); !good) return std::move(good).error();
    return made;
}

file_watch::version file_watch::version_of(const std::string& path) {
    struct stat about {};
    if (::stat(path.c_str(), &about) != 0) return {};
    return {about.st_dev, about.st_ino, about.st_size, in_nanoseconds(about.st_mtim),
            in_nanoseconds(about.st_ctim)};
}

status file_watch::follow(std::vector<std::string> paths) {
    std::map<std::string, version> fresh;
    for (std::string& path : paths) {
        // First the watch: a change between the two is an event, which costs one more look.
        if (auto good = watch_way_to(path); !good) return good;
        const auto known = files_.find(path);
        fresh.emplace(path, known != files_.end() ? known->second : version_of(path));
    }
    files_ = std::move(fresh);
    return {};
}

status file_watch::watch(const std::string& directory) {
    // Watching it twice changes nothing.
    const int made = ::inotify_add_watch(events_.get(), directory.c_str(), of_interest);
    if (made >= 0 || errno == ENOENT || errno == ENOTDIR || errno == EACCES) return {};
    return system_failure("inotify_add_watch", directory, errno);
}

/// Watches each directory in which a name on the way to `path` stands that may change: the file
/// itself, and every link. What is not there yet: the last directory that is.
status file_watch::watch_way_to(const std::string& path) {
    std::string done;         // resolved so far, without '/' at the end
    std::string left = path;  // what is still to be resolved, beginning with '/'
    for (int links = 0; !left.empty();) {
        const std::size_t end = left.find('/', 1);
        const std::string name = left.substr(1, end == left.npos ? left.npos : end - 1);
        left.erase(0, end == left.npos ? left.size() : end);
        if (name.empty() || name == ".") continue;
        if (name == "..") {
            done.erase(done.rfind('/') == done.npos ? 0 : done.rfind('/'));
            continue;
        }
        const std::string here = done + "/" + name;
        struct stat about {};
        const bool exists = ::lstat(here.c_str(), &about) == 0;
        if (exists && S_ISLNK(about.st_mode) && ++links <= max_links) {
            if (auto good = watch(done.empty() ? "/" : done); !good) return good;
            char target[PATH_MAX];
            const ssize_t size = ::readlink(here.c_str(), target, sizeof(target));
            if (size <= 0) return {};
            const std::string_view to(target, static_cast<std::size_t>(size));
            if (to.starts_with('/')) done.clear();
            left = (to.starts_with('/') ? "" : "/") + std::string(to) + left;
            continue;
        }
        if (!exists || left.empty()) {
            if (auto good = watch(done.empty() ? "/" : done); !good) return good;
        }
        if (!exists) return {};
        done = here;
    }
    return is_directory(done) ? watch(done) : status();
}

bool file_watch::changed() {
    alignas(inotify_event) char block[4096];
    bool any = false;
    while (::read(events_.get(), block, sizeof(block)) > 0) any = true;
    if (any) {
        itimerspec when{};
        when.it_value.tv_nsec = quiet_time;
        // It fails only for a value that is none.
        if (::timerfd_settime(quiet_.get(), 0, &when, nullptr) == 0) return false;
    }
    std::uint64_t rang = 0;
    if (::read(quiet_.get(), &rang, sizeof(rang)) < 0) return false;
    bool differs = false;
    for (auto& [path, known] : files_) {
        const version present = version_of(path);
        differs = differs || present != known;
        known = present;
        // A link may lead elsewhere now. Without a watch left, changes here are missed from now on.
        (void)watch_way_to(path);
    }
    return differs;
}

}  // namespace fd2::control
