#include <fcntl.h>
#include <sha2.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <sstream>

#include "base/files.hpp"
#include "base/trust.posix.hpp"
#include "base/unique_fd.hpp"
#include "channel/verdict_files.hpp"
#include "channel/verdict_store.hpp"

namespace fd2::channel {

namespace {

constexpr const char* for_everybody = "/var/lib/fd2/verdicts";

std::string environment(const char* name) {
    const char* const value = ::getenv(name);
    // A relative directory is none (XDG base directory specification).
    return value != nullptr && *value == '/' ? value : "";
}

/// Makes the directory and those above it. Not by the umask, which belongs to the whole process.
status make_directories(const std::string& path) {
    for (std::size_t slash = path.find('/', 1);; slash = path.find('/', slash + 1)) {
        const std::string part = path.substr(0, slash);
        if (::mkdir(part.c_str(), 0700) == 0) {
            if (::chmod(part.c_str(), 0755) != 0) return system_failure("chmod", part, errno);
        } else if (errno != EEXIST && (slash == path.npos || ::access(part.c_str(), F_OK) != 0)) {
            return system_failure("verdict: create directory", part, errno);
        }
        if (slash == path.npos) return {};
    }
}

}  // namespace

std::string users_store() {
    if (has_raised_privileges()) return {};
    if (const std::string state = environment("XDG_STATE_HOME"); !state.empty()) {
        return state + "/fd2/verdicts";
    }
    const std::string home = environment("HOME");
    return home.empty() ? home : home + "/.local/state/fd2/verdicts";
}

std::string system_store() {
    return for_everybody;
}

std::optional<std::string> read_record(const std::string& directory, const std::string& name) {
    if (directory.empty()) return std::nullopt;
    const auto file = real_path(directory + "/" + name);
    struct stat about {};
    if (!file || ::lstat(file->c_str(), &about) != 0 || !S_ISREG(about.st_mode) ||
        distrust_of(*file, about) || distrust_above(*file)) {
        return std::nullopt;
    }
    std::ifstream in(*file);
    std::ostringstream text;
    text << in.rdbuf();
    return std::move(text).str();
}

result<std::string> write_record(const std::string& name, const std::string& text) {
    const bool for_all = ::geteuid() == 0 && environment("XDG_STATE_HOME").empty();
    const std::string directory = for_all ? for_everybody : users_store();
    if (directory.empty()) {
        return advise({errc::config, ENOENT, "verdict: no directory: HOME is not set"}, "set HOME");
    }
    if (auto good = make_directories(directory); !good) return std::move(good).error();
    // Beside, then renamed: it is there whole or not at all.
    const std::string file = directory + "/" + name;
    std::string beside = file + ".XXXXXX";
    const unique_fd out(::mkostemp(beside.data(), O_CLOEXEC));
    if (!out) return system_failure("verdict: create", beside, errno);
    const bool good =
        ::write(out.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size()) &&
        ::fchmod(out.get(), 0644) == 0 && ::rename(beside.c_str(), file.c_str()) == 0;
    if (good) return file;
    const int why = errno;
    ::unlink(beside.c_str());
    return system_failure("verdict: write", file, why);
}

result<std::string> content_hash(int fd) {
    SHA2_CTX state;
    ::SHA256Init(&state);
    // Not on the stack, of which a caller may have little.
    constexpr std::size_t size = 65536;
    const auto chunk = std::make_unique_for_overwrite<std::uint8_t[]>(size);
    for (off_t at = 0;;) {
        const ssize_t n = ::pread(fd, chunk.get(), size, at);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return system_failure("read", "the plugin's content", errno);
        if (n == 0) break;
        ::SHA256Update(&state, chunk.get(), static_cast<std::size_t>(n));
        at += n;
    }
    std::array<char, SHA256_DIGEST_STRING_LENGTH> text{};
    ::SHA256End(&state, text.data());
    return std::string(text.data());
}

}  // namespace fd2::channel
