#include "process/spawn.hpp"

#include <windows.h>

#include <algorithm>
#include <array>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>

#include "base/handle.windows.hpp"
#include "base/system_code.hpp"
#include "base/utf16.windows.hpp"
#include "process/command_line.windows.hpp"
#include "process/command_search.hpp"
#include "process/exit_as.hpp"
#include "process/standard_fds.hpp"

namespace fd2::process {
namespace {

constexpr int elevation_required = 740;  // ERROR_ELEVATION_REQUIRED, which mingw does not have

bool has_zero(const std::string& text) noexcept {
    return text.find('\0') != std::string::npos;
}

status check(const spawn_spec& spec) {
    const auto invalid = [](const char* what) {
        return failure{errc::invalid, ERROR_INVALID_PARAMETER, std::string("spawn: ") + what};
    };
    if (spec.argv.empty()) return invalid("no arguments");
    const auto& argv = spec.argv;
    if (std::any_of(argv.begin(), argv.end(), has_zero) || has_zero(spec.program) ||
        has_zero(spec.working_directory) ||
        (spec.environment &&
         std::any_of(spec.environment->begin(), spec.environment->end(), has_zero))) {
        return invalid("a string contains a NUL byte");
    }
    for (int fd : {spec.standard_input, spec.standard_output, spec.standard_error}) {
        if (fd < -1) return invalid("a descriptor below -1");
    }
    return {};
}

/// A variable of `environment`, whose names have no case.
std::optional<std::string> variable(const std::vector<std::string>& environment,
                                    std::wstring_view name) {
    for (const auto& one : environment) {
        const std::size_t sign = one.find('=', 1);
        if (sign == std::string::npos) continue;
        const std::wstring its_name = utf16_of(std::string_view(one).substr(0, sign));
        if (::CompareStringOrdinal(its_name.data(), static_cast<int>(its_name.size()), name.data(),
                                   static_cast<int>(name.size()), TRUE) == CSTR_EQUAL) {
            return one.substr(sign + 1);
        }
    }
    return std::nullopt;
}

std::optional<std::string> own_path() {
    DWORD size = ::GetEnvironmentVariableW(L"PATH", nullptr, 0);
    std::wstring text(size, L'\0');
    size = ::GetEnvironmentVariableW(L"PATH", text.data(), size);
    if (size == 0) return std::nullopt;
    text.resize(size);
    return utf8_of(text);
}

std::optional<std::string> path_of(const spawn_spec& spec) {
    if (spec.search_environment && spec.environment) return variable(*spec.environment, L"PATH");
    return own_path();
}

/// "NAME=value" each, sorted as Windows wants it, ended by an empty one.
std::wstring environment_block(const std::vector<std::string>& environment) {
    std::vector<std::wstring> all;
    for (const auto& one : environment) all.push_back(utf16_of(one));
    std::stable_sort(all.begin(), all.end(), [](const std::wstring& a, const std::wstring& b) {
        return ::CompareStringOrdinal(a.data(), static_cast<int>(a.find(L'=', 1)), b.data(),
                                      static_cast<int>(b.find(L'=', 1)), TRUE) == CSTR_LESS_THAN;
    });
    std::wstring out;
    for (const auto& one : all) out.append(one).append(1, L'\0');
    return out.append(all.empty() ? 2 : 1, L'\0');
}

bool is_absolute(std::string_view path) noexcept {
    return path.starts_with('\\') || path.starts_with('/') || (path.size() > 1 && path[1] == ':');
}

bool is_file(const std::string& path) {
    const DWORD attributes = ::GetFileAttributesW(system_path(path).c_str());
    return attributes != INVALID_FILE_ATTRIBUTES && (attributes & FILE_ATTRIBUTE_DIRECTORY) == 0;
}

/// The file to execute; a relative one is looked for from the child's directory.
std::optional<std::string> find_program(const spawn_spec& spec) {
    const auto path = path_of(spec);
    for (auto& file : command_candidates(spec.program.empty() ? spec.argv[0] : spec.program,
                                         path ? path->c_str() : nullptr)) {
        if (!spec.working_directory.empty() && !is_absolute(file)) {
            file = spec.working_directory + '\\' + file;
        }
        if (is_file(file)) return std::move(file);
    }
    return std::nullopt;
}

/// Held while handles are inheritable: another thread's child must not get those of this one. A
/// program that embeds us and starts processes itself, without a list of handles, can still.
std::mutex& inheriting() {
    static std::mutex one;
    return one;
}

/// The child's standard handles, inheritable for as long as this lives. [under the lock]
class passed_handles {
  public:
    status pass(const spawn_spec& spec) {
        const std::array<int, 3> wanted{spec.standard_input, spec.standard_output,
                                        spec.standard_error};
        for (std::size_t i = 0; i < wanted.size(); ++i) {
            const int fd = wanted[i] >= 0 ? wanted[i] : standard_descriptor(static_cast<int>(i));
            standard[i] = fd < 0 ? nullptr : handle_of(fd);
            if (fd < 0 || std::find(list.begin(), list.end(), standard[i]) != list.end()) continue;
            DWORD flags = 0;
            if (!::GetHandleInformation(standard[i], &flags)) {
                // One of ours that was closed before we were started. The child is given the same.
                if (wanted[i] < 0) continue;
                return system_failure("GetHandleInformation",
                                      "the child's handle " + std::to_string(i),
                                      last_system_code());
            }
            list.push_back(standard[i]);
            if ((flags & HANDLE_FLAG_INHERIT) != 0) continue;
            if (!::SetHandleInformation(standard[i], HANDLE_FLAG_INHERIT, HANDLE_FLAG_INHERIT)) {
                return system_failure("SetHandleInformation",
                                      "the child's handle " + std::to_string(i),
                                      last_system_code());
            }
            changed_.push_back(standard[i]);
        }
        return {};
    }
    passed_handles() = default;
    ~passed_handles() {
        for (const HANDLE one : changed_) ::SetHandleInformation(one, HANDLE_FLAG_INHERIT, 0);
    }
    passed_handles(const passed_handles&) = delete;
    passed_handles& operator=(const passed_handles&) = delete;

    std::array<HANDLE, 3> standard{};
    std::vector<HANDLE> list;

  private:
    std::vector<HANDLE> changed_;
};

/// What STARTUPINFOEX has behind the old structure.
class start_attributes {
  public:
    start_attributes() = default;
    ~start_attributes() {
        if (list_) ::DeleteProcThreadAttributeList(get());
    }
    start_attributes(const start_attributes&) = delete;
    start_attributes& operator=(const start_attributes&) = delete;

    status make(DWORD count) {
        SIZE_T size = 0;
        ::InitializeProcThreadAttributeList(nullptr, count, 0, &size);
        list_ = std::make_unique<std::byte[]>(size);
        if (::InitializeProcThreadAttributeList(get(), count, 0, &size)) return {};
        list_.reset();
        return system_failure("InitializeProcThreadAttributeList", "", last_system_code());
    }
    /// `values` stay where they are until the process has been started.
    status set(DWORD_PTR attribute, std::vector<HANDLE>& values) {
        if (::UpdateProcThreadAttribute(get(), 0, attribute, values.data(),
                                        values.size() * sizeof(HANDLE), nullptr, nullptr)) {
            return {};
        }
        return system_failure("UpdateProcThreadAttribute", "", last_system_code());
    }
    LPPROC_THREAD_ATTRIBUTE_LIST get() const noexcept {
        return reinterpret_cast<LPPROC_THREAD_ATTRIBUTE_LIST>(list_.get());
    }

  private:
    std::unique_ptr<std::byte[]> list_;
};

/// A job that ends its processes when its last handle is closed, which is ours: when this process
/// ends, however. What the child starts is not in it, as on Linux, where the signal of a parent's
/// death goes to the child alone: a helper that stays behind is to stay.
result<unique_fd> make_job() {
    unique_fd job(fd_of(::CreateJobObjectW(nullptr, nullptr)));
    if (!job) return system_failure("CreateJobObject", "", last_system_code());
    JOBOBJECT_EXTENDED_LIMIT_INFORMATION limits{};
    limits.BasicLimitInformation.LimitFlags =
        JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE | JOB_OBJECT_LIMIT_SILENT_BREAKAWAY_OK;
    if (!::SetInformationJobObject(handle_of(job.get()), JobObjectExtendedLimitInformation, &limits,
                                   sizeof(limits))) {
        return system_failure("SetInformationJobObject", "", last_system_code());
    }
    return job;
}

failure describe(const std::string& file, int why, spawn_refusal& refusal) {
    refusal = spawn_refusal::not_executable;
    if (why == ERROR_FILE_NOT_FOUND || why == ERROR_PATH_NOT_FOUND) {
        refusal = spawn_refusal::not_found;
    }
    if (why == ERROR_NOT_ENOUGH_MEMORY || why == ERROR_NO_SYSTEM_RESOURCES ||
        why == ERROR_INVALID_PARAMETER) {
        refusal = spawn_refusal::own_failure;
    }
    failure out = system_failure("execute", file, why);
    if (why == elevation_required) {
        out = advise(std::move(out), "run fd2 itself as an administrator");
    }
    return out;
}

/// cmd.exe, by its full path: it is never looked for.
std::wstring shell_file() {
    std::array<wchar_t, MAX_PATH> directory{};
    const UINT size = ::GetSystemDirectoryW(directory.data(), static_cast<UINT>(directory.size()));
    return std::wstring(directory.data(), size) + L"\\cmd.exe";
}

bool is_batch_file(const std::string& file) {
    if (file.size() < 4) return false;
    const std::wstring ending = utf16_of(std::string_view(file).substr(file.size() - 4));
    return ::CompareStringOrdinal(ending.data(), -1, L".bat", -1, TRUE) == CSTR_EQUAL ||
           ::CompareStringOrdinal(ending.data(), -1, L".cmd", -1, TRUE) == CSTR_EQUAL;
}

}  // namespace

const int asked_to_end = 0;

result<child> spawn(const spawn_spec& spec, spawn_refusal* refusal) {
    spawn_refusal not_asked_for;
    spawn_refusal& why_not = refusal ? *refusal : not_asked_for;
    why_not = spawn_refusal::own_failure;  // until the program itself is tried
    if (auto fit = check(spec); !fit) return std::move(fit).error();
    const std::wstring directory = system_path(spec.working_directory);
    if (!directory.empty()) {
        const DWORD attributes = ::GetFileAttributesW(directory.c_str());
        if (attributes == INVALID_FILE_ATTRIBUTES) {
            return system_failure("chdir", spec.working_directory, last_system_code());
        }
        if ((attributes & FILE_ATTRIBUTE_DIRECTORY) == 0) {
            return system_failure("chdir", spec.working_directory, ERROR_DIRECTORY);
        }
    }
    const auto file = find_program(spec);
    if (!file) {
        why_not = spawn_refusal::not_found;
        return system_failure("execute", spec.program.empty() ? spec.argv[0] : spec.program,
                              ERROR_FILE_NOT_FOUND);
    }
    const bool batch = is_batch_file(*file);
    auto line = command_line(spec.argv, *file, batch ? quoting::batch : quoting::automatic);
    if (!line) return std::move(line).error();
    const std::wstring program = batch ? shell_file() : system_path(*file);
    std::wstring environment;
    if (spec.environment) environment = environment_block(*spec.environment);

    std::vector<HANDLE> jobs;
    unique_fd job;
    if (spec.parent_death_signal != 0) {
        auto made = make_job();
        if (!made) return std::move(made).error();
        job = std::move(*made);
        jobs.push_back(handle_of(job.get()));
    }

    const std::lock_guard lock(inheriting());
    passed_handles handles;
    if (auto good = handles.pass(spec); !good) return std::move(good).error();
    start_attributes attributes;
    if (auto good = attributes.make(2); !good) return std::move(good).error();
    // An empty list is no list: then nothing is inherited at all.
    if (!handles.list.empty()) {
        auto good = attributes.set(PROC_THREAD_ATTRIBUTE_HANDLE_LIST, handles.list);
        if (!good) return std::move(good).error();
    }
    if (!jobs.empty()) {
        auto good = attributes.set(PROC_THREAD_ATTRIBUTE_JOB_LIST, jobs);
        if (!good) return std::move(good).error();
    }
    STARTUPINFOEXW start{};
    start.StartupInfo.cb = sizeof(start);
    start.StartupInfo.dwFlags = STARTF_USESTDHANDLES;
    start.StartupInfo.hStdInput = handles.standard[0];
    start.StartupInfo.hStdOutput = handles.standard[1];
    start.StartupInfo.hStdError = handles.standard[2];
    start.lpAttributeList = attributes.get();
    PROCESS_INFORMATION made{};
    if (!::CreateProcessW(program.c_str(), line->data(), nullptr, nullptr, !handles.list.empty(),
                          EXTENDED_STARTUPINFO_PRESENT | CREATE_UNICODE_ENVIRONMENT,
                          spec.environment ? environment.data() : nullptr,
                          directory.empty() ? nullptr : directory.c_str(), &start.StartupInfo,
                          &made)) {
        return describe(*file, last_system_code(), why_not);
    }
    ::CloseHandle(made.hThread);
    return child(static_cast<pid_t>(made.dwProcessId), unique_fd(fd_of(made.hProcess)),
                 std::move(job));
}

// A process cannot become another program here. So this one waits, and ends as the other did.
failure execute(const spawn_spec& spec, spawn_refusal* refusal) {
    spawn_spec in_our_place;
    in_our_place.argv = spec.argv;
    in_our_place.program = spec.program;
    in_our_place.parent_death_signal = 1;
    // Ctrl-C and Ctrl-Break are the child's.
    ::SetConsoleCtrlHandler([](DWORD) -> BOOL { return TRUE; }, TRUE);
    auto running = spawn(in_our_place, refusal);
    if (!running) return std::move(running).error();
    auto ended = running->wait();
    if (!ended) return std::move(ended).error();
    exit_as(*ended);
}

}  // namespace fd2::process
