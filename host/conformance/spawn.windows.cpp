#include "conformance/spawn.windows.hpp"

#include <algorithm>
#include <memory>

namespace fd2::conformance {

namespace {

/// As CommandLineToArgvW reads it.
std::wstring quoted(const std::string& ascii) {
    std::wstring out = L"\"";
    std::size_t backslashes = 0;
    for (const char c : ascii) {
        if (c == '"') out.append(backslashes + 1, L'\\');
        backslashes = c == '\\' ? backslashes + 1 : 0;
        out += static_cast<wchar_t>(c);
    }
    out.append(backslashes, L'\\');
    return out + L'"';
}

std::wstring own_program() {
    std::wstring out(1024, L'\0');
    const DWORD size = GetModuleFileNameW(nullptr, out.data(), static_cast<DWORD>(out.size()));
    out.resize(size);
    return out;
}

/// Lets a child inherit it, for its own life.
class inheritable {
  public:
    explicit inheritable(HANDLE of) : handle_(of) {
        (void)SetHandleInformation(handle_, HANDLE_FLAG_INHERIT, HANDLE_FLAG_INHERIT);
    }
    ~inheritable() { (void)SetHandleInformation(handle_, HANDLE_FLAG_INHERIT, 0); }
    inheritable(const inheritable&) = delete;
    inheritable& operator=(const inheritable&) = delete;

  private:
    HANDLE handle_;
};

}  // namespace

HANDLE start_process(const new_process& wanted) {
    const HANDLE null =
        CreateFileW(L"NUL", GENERIC_READ | GENERIC_WRITE, FILE_SHARE_READ | FILE_SHARE_WRITE,
                    nullptr, OPEN_EXISTING, 0, nullptr);
    if (null == INVALID_HANDLE_VALUE) return nullptr;
    const auto or_null = [&](HANDLE given) { return given != INVALID_HANDLE_VALUE ? given : null; };
    STARTUPINFOEXW start{};
    start.StartupInfo.cb = sizeof(start);
    start.StartupInfo.dwFlags = STARTF_USESTDHANDLES;
    start.StartupInfo.hStdInput = null;
    start.StartupInfo.hStdOutput = or_null(wanted.output);
    start.StartupInfo.hStdError = or_null(wanted.error);
    std::vector<HANDLE> passed = {null, start.StartupInfo.hStdOutput, start.StartupInfo.hStdError,
                                  or_null(wanted.beside)};
    std::sort(passed.begin(), passed.end());
    passed.erase(std::unique(passed.begin(), passed.end()), passed.end());

    SIZE_T size = 0;
    (void)InitializeProcThreadAttributeList(nullptr, 1, 0, &size);
    std::vector<unsigned char> memory(size);
    start.lpAttributeList = reinterpret_cast<LPPROC_THREAD_ATTRIBUTE_LIST>(memory.data());
    PROCESS_INFORMATION made{};
    bool good = InitializeProcThreadAttributeList(start.lpAttributeList, 1, 0, &size) != 0;
    if (good) {
        std::vector<std::unique_ptr<inheritable>> meanwhile;
        for (const HANDLE each : passed) meanwhile.push_back(std::make_unique<inheritable>(each));
        const std::wstring program = own_program();
        std::wstring line = L"\"" + program + L"\" --worker " + quoted(wanted.task);
        good = UpdateProcThreadAttribute(start.lpAttributeList, 0,
                                         PROC_THREAD_ATTRIBUTE_HANDLE_LIST, passed.data(),
                                         passed.size() * sizeof(HANDLE), nullptr, nullptr) != 0 &&
               CreateProcessW(program.c_str(), line.data(), nullptr, nullptr, TRUE,
                              EXTENDED_STARTUPINFO_PRESENT | CREATE_SUSPENDED, nullptr,
                              wanted.directory.empty() ? nullptr : wanted.directory.c_str(),
                              &start.StartupInfo, &made) != 0;
    }
    DWORD failed = good ? 0 : GetLastError();
    if (start.lpAttributeList != nullptr && size != 0) {
        DeleteProcThreadAttributeList(start.lpAttributeList);
    }
    CloseHandle(null);
    if (good && wanted.job != nullptr && !AssignProcessToJobObject(wanted.job, made.hProcess)) {
        failed = GetLastError();
        (void)TerminateProcess(made.hProcess, 1);
        (void)CloseHandle(made.hProcess);
        made.hProcess = nullptr;
    }
    if (made.hThread != nullptr) {
        (void)ResumeThread(made.hThread);
        (void)CloseHandle(made.hThread);
    }
    SetLastError(failed);
    return made.hProcess;
}

}  // namespace fd2::conformance
