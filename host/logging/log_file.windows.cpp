// The parts of a log file that touch the system, on Windows. The handle allows everybody
// everything: so the file can be renamed and deleted while it is written, as on other systems.
#include <algorithm>
#include <array>

#include "base/files.hpp"
#include "base/handle.windows.hpp"
#include "base/system_code.hpp"
#include "base/utf16.windows.hpp"
#include "logging/log_file.hpp"

namespace fd2::logging {
namespace {

constexpr DWORD shared = FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE;

unique_fd open_with(const std::string& path, DWORD access, DWORD how) noexcept {
    return unique_fd(
        fd_of(::CreateFileW(system_path(path).c_str(), access, shared, nullptr, how,
                            SECURITY_SQOS_PRESENT | SECURITY_IDENTIFICATION, nullptr)));
}

bool is_there_for_sure(const std::string& path) noexcept {
    return ::GetFileAttributesW(system_path(path).c_str()) != INVALID_FILE_ATTRIBUTES;
}

/// 0, or why it could not be renamed.
int rename_to(const std::string& from, const std::string& to) noexcept {
    const auto done = replace_file(from, to);
    return done ? 0 : done.error().sys_errno;
}

/// So that of several processes one rotates: a lock on a byte that no file has, since locks keep
/// others from reading and writing.
class rotation_lock {
  public:
    explicit rotation_lock(const std::string& path)
        : file_(open_with(path, GENERIC_READ, OPEN_EXISTING)) {
        where_.OffsetHigh = 0x7FFFFFFF;
        refused_ = file_ &&
                   ::LockFileEx(handle_of(file_.get()),
                                LOCKFILE_EXCLUSIVE_LOCK | LOCKFILE_FAIL_IMMEDIATELY, 0, 1, 0,
                                &where_) == 0 &&
                   ::GetLastError() == ERROR_LOCK_VIOLATION;
    }
    ~rotation_lock() {
        if (file_ && !refused_) ::UnlockFileEx(handle_of(file_.get()), 0, 1, 0, &where_);
    }
    rotation_lock(const rotation_lock&) = delete;
    rotation_lock& operator=(const rotation_lock&) = delete;
    bool refused() const noexcept { return refused_; }

  private:
    unique_fd file_;
    OVERLAPPED where_{};
    bool refused_ = false;
};

}  // namespace

const std::size_t in_one_piece = 4096;

unique_fd log_file::open_or_create(const log_path& at) const {
    // To append and nothing else: then the system finds the end for each write.
    return open_with(at.name, FILE_APPEND_DATA | FILE_READ_ATTRIBUTES | SYNCHRONIZE, OPEN_ALWAYS);
}

status log_file::open_path() {
    auto at = resolve_log_path(path_);
    if (!at) return std::move(at).error();
    unique_fd fresh = open_or_create(*at);
    if (!fresh) return system_failure("open", path_, last_system_code());
    const auto what = kind_of(fresh.get());
    if (!what) return what.error();
    fd_ = std::move(fresh);
    at_ = std::move(*at);
    regular_ = *what == file_kind::regular;
    torn_ = want_new_ = false;
    retry_at_ = 0;
    return {};
}

bool log_file::is_foreign(const std::string& name) const noexcept {
    const auto file = open_with(name, GENERIC_READ, OPEN_EXISTING);
    if (!file) return !means_absent(last_system_code());
    std::array<char, log_begins.size()> begin;
    DWORD got = 0;
    return ::GetFileType(handle_of(file.get())) != FILE_TYPE_DISK ||
           ::ReadFile(handle_of(file.get()), begin.data(), begin.size(), &got, nullptr) == 0 ||
           std::string_view(begin.data(), got) != log_begins;
}

bool log_file::settle_identity(std::uint64_t& size) {
    FILE_STANDARD_INFO about{};
    const auto tell_size = [&] {
        if (::GetFileInformationByHandleEx(handle_of(fd_.get()), FileStandardInfo, &about,
                                           sizeof about) == 0) {
            return false;
        }
        size = static_cast<std::uint64_t>(about.EndOfFile.QuadPart);
        return true;
    };
    if (!tell_size()) return false;
    const bool deleted = about.DeletePending != 0 || about.NumberOfLinks == 0;
    if (const auto named = identity_of(at_.name); named && !deleted) {
        const auto mine = identity_of(fd_.get());
        if (mine && *mine == *named) return true;
        // Somebody rotated it and made a new one.
    } else if (deleted) {
        note(deletion, path_ + ": deleted; created again");
    } else if (!means_absent(named.error().sys_errno) || !want_new_) {
        return true;
    }
    if (status opened = open_path(); !opened) {
        note(opening, opened.error().message);
        return true;
    }
    return tell_size();
}

bool log_file::rotate() {
    const rotation_lock lock(at_.name);
    if (lock.refused()) return false;
    unique_fd fresh = make_successor();
    if (!fresh) return false;
    fd_ = std::move(fresh);
    torn_ = false;
    return true;
}

unique_fd log_file::make_successor() {
    const auto mine = identity_of(fd_.get());
    const auto named = identity_of(at_.name);
    if (!mine || !named || !(*mine == *named)) {
        return {};  // done by another process just now; the next write goes to the new file
    }
    // Up to the first free number, or over the oldest: the work is that of the files that exist.
    unsigned slot = std::min(1U, keep_);
    while (slot < keep_ && is_there_for_sure(numbered(slot))) ++slot;
    for (unsigned number = 0; number <= slot; ++number) {
        if (!is_foreign(numbered(number))) continue;
        note(rotation, path_ + ": not rotated: " + numbered(number) +
                           " is not an fd2 log, or cannot be read");
        return {};
    }
    int failed = 0;
    if (keep_ == 0) {
        // Its name stays taken until we close it: it gets another one first.
        const std::string gone = at_.name + ".gone";
        failed = rename_to(at_.name, gone);
        if (failed == 0) ::DeleteFileW(system_path(gone).c_str());
    }
    for (unsigned number = slot; number-- > 0 && failed == 0;) {
        failed = rename_to(numbered(number), numbered(number + 1));
        if (number != 0 && means_absent(failed)) failed = 0;
    }
    if (failed != 0) {
        note(rotation, system_failure("rotate", path_, failed).message);
        return {};
    }
    unique_fd fresh = open_or_create(at_);
    if (!fresh) {
        const int why = last_system_code();
        want_new_ = true;
        note(opening, system_failure("open", path_, why).message);
    }
    return fresh;
}

int log_file::put(std::string_view bytes, std::size_t& done, const waiter&) {
    while (!bytes.empty()) {
        DWORD written = 0;
        const auto size = static_cast<DWORD>(std::min<std::size_t>(bytes.size(), 1U << 30));
        if (::WriteFile(handle_of(fd_.get()), bytes.data(), size, &written, nullptr) == 0) {
            return last_system_code();
        }
        if (written == 0) return system_code::no_space;
        done += written;
        bytes.remove_prefix(written);
    }
    return 0;
}

}  // namespace fd2::logging
