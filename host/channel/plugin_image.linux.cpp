#include "channel/plugin_image.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <utility>

namespace fd2::channel {

namespace {

#ifndef MFD_EXEC
constexpr unsigned MFD_EXEC = 0x10U;  // Linux 6.3
#endif

failure refused(const char* operation, const std::string& object, int why) {
    failure out = system_failure(operation, object, why);
    if (why == ENOSYS || why == EINVAL || why == EROFS || why == ENOENT)
        out.code = errc::unsupported;
    return out;
}

/// All of `from`, from its start.
int copy(int from, int to) noexcept {
    off_t at = 0;
    for (;;) {
        const ssize_t copied = ::sendfile(to, from, &at, std::size_t{1} << 20);
        if (copied == 0) return 0;
        if (copied < 0 && errno != EINTR) return errno;
    }
}

/// Named after the plugin's file: /proc/PID/maps shows "/memfd:pipe.so (deleted)".
unique_fd memory_file(const std::string& path) {
    constexpr unsigned flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
    constexpr std::size_t longest = 200;  // memfd_create(2) allows 249 bytes
    const std::string name = path.substr(path.rfind('/') + 1).substr(0, longest);
    unique_fd out(::memfd_create(name.c_str(), flags | MFD_EXEC));
    if (!out && errno == EINVAL) out.reset(::memfd_create(name.c_str(), flags));
    return out;
}

/// In the user's run-time directory, if nobody else can exchange what lies there; otherwise in
/// /tmp, where the sticky bit sees to that.
std::string directory_template() {
    const char* const runtime = ::secure_getenv("XDG_RUNTIME_DIR");
    const bool safe = runtime && *runtime == '/' && check_directory(runtime, {});
    return std::string(safe ? runtime : "/tmp") + "/fd2-plugin-XXXXXX";
}

}  // namespace

plugin_image::plugin_image(plugin_image&& other) noexcept
    : descriptor_(std::move(other.descriptor_)),
      path_(std::move(other.path_)),
      directory_(std::exchange(other.directory_, {})) {}

plugin_image::~plugin_image() {
    if (directory_.empty()) return;
    ::unlink(path_.c_str());
    ::rmdir(directory_.c_str());
}

result<plugin_image> plugin_image::make(image_kind kind, const opened_plugin& file) {
    plugin_image out;
    if (kind == image_kind::original) {
        out.descriptor_.reset(::fcntl(file.descriptor.get(), F_DUPFD_CLOEXEC, 0));
        if (!out.descriptor_) return refused("fcntl", file.path, errno);
        out.path_ = file.path;
        return out;
    }
    if (kind == image_kind::memory) {
        out.descriptor_ = memory_file(file.path);
        if (!out.descriptor_) return refused("memfd_create", file.path, errno);
    } else {
        std::string made = directory_template();
        if (!::mkdtemp(made.data())) return refused("mkdtemp", made, errno);
        out.directory_ = std::move(made);
        out.path_ = out.directory_ + "/plugin.so";
        out.descriptor_.reset(
            ::open(out.path_.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0700));
        if (!out.descriptor_) return refused("create", out.path_, errno);
    }
    if (const int why = copy(file.descriptor.get(), out.descriptor_.get())) {
        return refused("copy", file.path, why);
    }
    if (kind == image_kind::directory) {
        // Whoever gets the descriptor, as in a trial, cannot write by it.
        out.descriptor_.reset(::open(out.path_.c_str(), O_RDONLY | O_CLOEXEC));
        if (!out.descriptor_) return refused("open", out.path_, errno);
    }
    if (kind == image_kind::memory) {
        constexpr int all = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;
        if (::fcntl(out.descriptor_.get(), F_ADD_SEALS, all) != 0) {
            return refused("seal", file.path, errno);
        }
    }
    return out;
}

}  // namespace fd2::channel
