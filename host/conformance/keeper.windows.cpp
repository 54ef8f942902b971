// A job does here what the keeper does elsewhere: whatever the worker starts is in it, and ends
// with it. The limit is held by who waits.
#include "base/handle.windows.hpp"
// After it.
#include <bcrypt.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <utility>

#include "conformance/keeper.hpp"
#include "conformance/spawn.windows.hpp"

namespace fd2::conformance {

namespace {

/// Owns a handle.
class owned_handle {
  public:
    owned_handle() = default;
    explicit owned_handle(HANDLE handle) : handle_(handle) {}
    owned_handle(owned_handle&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
    owned_handle& operator=(owned_handle&& other) noexcept {
        std::swap(handle_, other.handle_);
        return *this;
    }
    ~owned_handle() { reset(); }
    HANDLE get() const { return handle_; }
    explicit operator bool() const { return handle_ != nullptr && handle_ != INVALID_HANDLE_VALUE; }
    void reset() {
        if (*this) (void)CloseHandle(handle_);
        handle_ = nullptr;
    }

  private:
    HANDLE handle_ = nullptr;
};

std::string new_nonce() {
    unsigned char bytes[16] = {};
    (void)BCryptGenRandom(nullptr, bytes, sizeof(bytes), BCRYPT_USE_SYSTEM_PREFERRED_RNG);
    std::string out;
    for (const unsigned char byte : bytes) {
        out += "0123456789abcdef"[byte >> 4U];
        out += "0123456789abcdef"[byte & 15U];
    }
    return out;
}

/// For a process to append to.
owned_handle appended(const std::filesystem::path& path) {
    return owned_handle(CreateFileW(path.c_str(), FILE_APPEND_DATA | SYNCHRONIZE,
                                    FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE, nullptr,
                                    CREATE_NEW, 0, nullptr));
}

std::string content_of(const std::filesystem::path& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

DWORD running_in(HANDLE job) {
    JOBOBJECT_BASIC_ACCOUNTING_INFORMATION seen{};
    if (!QueryInformationJobObject(job, JobObjectBasicAccountingInformation, &seen, sizeof(seen),
                                   nullptr)) {
        return 0;
    }
    return seen.ActiveProcesses;
}

}  // namespace

struct kept_check::system {
    owned_handle job;
    owned_handle process;
    std::filesystem::path directory;  // where the worker is
    std::filesystem::path files;      // where its answer and its output are
    nanoseconds_t deadline = never;

    system() = default;
    system(const system&) = delete;
    system& operator=(const system&) = delete;
    /// The job ends what is left in it; then the directories can go.
    ~system() {
        if (process) {
            (void)TerminateJobObject(job.get(), 1);
            (void)WaitForSingleObject(process.get(), 10'000);
        }
        process.reset();
        job.reset();
        std::error_code ignored;
        if (!directory.empty()) std::filesystem::remove_all(directory, ignored);
        if (!files.empty()) std::filesystem::remove_all(files, ignored);
    }
};

result<kept_check> kept_check::start(const worker_task& given, const std::string&,
                                     nanoseconds_t limit, int) {
    kept_check made(given.check, limit, new_nonce());
    auto& own = *(made.system_ = std::make_shared<system>());
    std::error_code failed;
    const auto place = std::filesystem::temp_directory_path(failed);
    if (failed) return system_failure("GetTempPath", "", failed.value());
    own.files = place / ("fd2-conform-" + made.nonce_);
    own.directory = own.files / "work";
    if (!std::filesystem::create_directories(own.directory, failed)) {
        return system_failure("CreateDirectory", own.directory.string(), failed.value());
    }
    own.job = owned_handle(CreateJobObjectW(nullptr, nullptr));
    JOBOBJECT_EXTENDED_LIMIT_INFORMATION limits{};
    limits.BasicLimitInformation.LimitFlags =
        JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE | JOB_OBJECT_LIMIT_DIE_ON_UNHANDLED_EXCEPTION;
    if (!own.job || !SetInformationJobObject(own.job.get(), JobObjectExtendedLimitInformation,
                                             &limits, sizeof(limits))) {
        return system_failure("CreateJobObject", "", static_cast<int>(GetLastError()));
    }
    const owned_handle answer = appended(own.files / "answer");
    const owned_handle output = appended(own.files / "output");
    if (!answer || !output) {
        return system_failure("CreateFile", own.files.string(), static_cast<int>(GetLastError()));
    }
    worker_task task = given;
    task.answer = fd_of(answer.get());
    task.nonce = made.nonce_;
    new_process wanted;
    wanted.task = serialize(task);
    wanted.output = output.get();
    wanted.error = output.get();
    wanted.beside = answer.get();
    wanted.directory = own.directory.wstring();
    wanted.job = own.job.get();
    own.deadline = after(now(), limit);
    own.process = owned_handle(start_process(wanted));
    if (!own.process) {
        return system_failure("CreateProcess", "", static_cast<int>(GetLastError()));
    }
    return made;
}

struct interruptible::system {};

interruptible::interruptible() = default;

std::size_t interruptible::wait(const std::vector<const kept_check*>& all,
                                const std::function<bool()>& interrupted) const {
    constexpr nanoseconds_t look_again = 200 * millisecond;  // Ctrl-C comes in a thread of its own
    std::vector<HANDLE> watched;
    for (const auto* each : all) watched.push_back(each->system_->process.get());
    watched.resize(std::min<std::size_t>(watched.size(), MAXIMUM_WAIT_OBJECTS));
    while (!interrupted()) {
        const DWORD ready =
            WaitForMultipleObjects(static_cast<DWORD>(watched.size()), watched.data(), FALSE,
                                   static_cast<DWORD>(look_again / millisecond));
        if (ready < WAIT_OBJECT_0 + watched.size()) return ready - WAIT_OBJECT_0;
        for (std::size_t at = 0; at < all.size(); ++at) {
            if (now() >= all[at]->system_->deadline) return at;
        }
    }
    return all.size();
}

verdict kept_check::take(description* plugin) {
    auto& own = *system_;
    ended seen;
    seen.how = ended::by_itself;
    if (WaitForSingleObject(own.process.get(), 0) != WAIT_OBJECT_0) {
        seen.how = ended::late;
    } else {
        DWORD code = 0;
        (void)GetExitCodeProcess(own.process.get(), &code);
        seen.value = static_cast<int>(code);
        if (code >= 0xc0000000U) {
            char text[32];
            (void)std::snprintf(text, sizeof(text), "exception 0x%08lx", code);
            seen.crash = text;
        }
        // A writer whose reader has gone goes by itself.
        const nanoseconds_t patience = after(now(), 2 * second);
        while (running_in(own.job.get()) != 0 && now() < patience) Sleep(10);
        if (const DWORD left = running_in(own.job.get()); left != 0) {
            seen.left.push_back(std::to_string(left) + " in its job");
        }
    }
    (void)TerminateJobObject(own.job.get(), 1);
    (void)WaitForSingleObject(own.process.get(), 10'000);
    seen.answer = content_of(own.files / "answer");
    seen.output = content_of(own.files / "output");
    return judge(std::move(seen), plugin);
}

}  // namespace fd2::conformance
