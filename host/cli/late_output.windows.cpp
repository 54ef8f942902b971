#include "cli/late_output.hpp"

#include <algorithm>
#include <cstring>
#include <optional>
#include <utility>

#include "base/files.hpp"
#include "base/handle.windows.hpp"
#include "base/home_process.hpp"
#include "base/system_code.hpp"
#include "base/utf16.windows.hpp"
#include "process/standard_fds.hpp"

// What is not a file is written as it is, and waits for its reader: whether a write would wait
// cannot be asked of a handle that others have, too.

namespace fd2::cli {
namespace {

/// The standard handle that a path stands for.
std::optional<int> number_of(std::string_view path) {
    if (path == "-" || path == "/dev/stdout") return 1;
    if (path == "/dev/stderr") return 2;
    return std::nullopt;
}

unique_fd make_file(const std::string& path, DWORD how) noexcept {
    return unique_fd(fd_of(::CreateFileW(system_path(path).c_str(), GENERIC_WRITE,
                                         FILE_SHARE_READ | FILE_SHARE_DELETE, nullptr, how,
                                         FILE_ATTRIBUTE_NORMAL, nullptr)));
}

}  // namespace

struct late_output::model {};

late_output::late_output() = default;
late_output::~late_output() = default;

status late_output::open(const std::string& option, const std::string& path) {
    option_ = option;
    name_ = path;
    if (const auto number = number_of(path)) return duplicate(*number);
    return open_file(path);
}

status late_output::take(const std::string& option, int) {
    return advise({errc::config, 0, option + ": not on Windows"}, "use --stats");
}

status late_output::duplicate(int number) {
    HANDLE ours = nullptr;
    if (!::DuplicateHandle(::GetCurrentProcess(), handle_of(process::standard_descriptor(number)),
                           ::GetCurrentProcess(), &ours, 0, FALSE, DUPLICATE_SAME_ACCESS)) {
        return system_failure(option_, name_, last_system_code());
    }
    file_ = unique_fd(fd_of(ours));
    kind_ = kind::as_it_is;
    return {};
}

status late_output::open_file(const std::string& path) {
    const auto failed = [&](int code) { return system_failure(option_ + ": open", name_, code); };
    target_ = absolute(path);
    existed_ = is_there(target_);
    if (existed_) {
        unique_fd old = make_file(target_, OPEN_EXISTING);
        if (!old) return failed(last_system_code());
        if (::GetFileType(handle_of(old.get())) != FILE_TYPE_DISK) {
            file_ = std::move(old);
            kind_ = kind::as_it_is;
            return {};
        }
    }
    beside_ = target_ + ".fd2-" + std::to_string(process_number());
    unique_fd trial = make_file(beside_, CREATE_ALWAYS);
    const int why = last_system_code();
    if (trial) {
        trial.reset();
        ::DeleteFileW(system_path(beside_).c_str());
        // Whole or absent. One that may not be deleted is replaced at the end.
        if (existed_) ::DeleteFileW(system_path(target_).c_str());
        kind_ = kind::beside;
        return {};
    }
    if (!existed_) return failed(why);
    file_ = make_file(target_, TRUNCATE_EXISTING);
    if (!file_) return failed(last_system_code());
    kind_ = kind::in_place;
    return {};
}

int late_output::create_beside() noexcept {
    return -1;
}

void late_output::begin(const patience& waiting) noexcept {
    patience_ = &waiting;
    error_ = 0;
    filled_ = 0;
    if (kind_ != kind::beside) return;
    try {
        file_ = make_file(beside_, CREATE_ALWAYS);
        if (!file_) error_ = last_system_code();
    } catch (...) {
        error_ = system_code::no_memory;
    }
}

void late_output::put(std::string_view text) noexcept {
    while (!text.empty() && error_ == 0) {
        if (filled_ == buffer_.size()) flush();
        const std::size_t size = std::min(text.size(), buffer_.size() - filled_);
        std::memcpy(buffer_.data() + filled_, text.data(), size);
        filled_ += size;
        text.remove_prefix(size);
    }
}

void late_output::flush() noexcept {
    std::string_view left(buffer_.data(), filled_);
    while (!left.empty() && error_ == 0) error_ = write_some(left);
    filled_ = 0;
}

int late_output::write_some(std::string_view& text) noexcept {
    DWORD done = 0;
    if (!::WriteFile(handle_of(file_.get()), text.data(), static_cast<DWORD>(text.size()), &done,
                     nullptr)) {
        return last_system_code();
    }
    text.remove_prefix(done);
    return done == 0 ? system_code::no_space : 0;
}

int late_output::wait_for_reader(nanoseconds_t) noexcept {
    return 0;
}

void late_output::finish(observer& watch) noexcept {
    if (error_ == 0) flush();
    file_.reset();
    try {
        if (kind_ == kind::beside) {
            if (error_ == 0) {
                const auto good = fd2::replace_file(beside_, target_);
                if (!good) error_ = good.error().sys_errno;
            }
            if (error_ != 0) ::DeleteFileW(system_path(beside_).c_str());
        }
        if (error_ == 0) return;
        watch.on_event(
            {severity::error, system_failure(option_ + ": write", name_, error_).message});
    } catch (...) {
        // Out of memory: a message is lost, nothing else.
    }
}

}  // namespace fd2::cli
