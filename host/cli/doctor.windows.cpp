// What of the machine matters here: that a backend works, that the settings are right, and where
// the programs are.
#include "cli/doctor.hpp"

#include <winsock2.h>

#include <windows.h>

#include <algorithm>

#include "base/files.hpp"
#include "base/handle.windows.hpp"
#include "cli/doctor/finding.hpp"
#include "cli/link.hpp"
#include "cli/plugin_survey.hpp"
#include "cli/system.hpp"
#include "process/command_search.hpp"
#include "process/standard_fds.hpp"

namespace fd2::cli::doctor {

namespace {

std::string version_of_windows() {
    // Not GetVersionEx, which tells a program without a manifest of Windows 8.
    DWORD major = 0, minor = 0, build = 0;
    using version_function = void(WINAPI*)(DWORD*, DWORD*, DWORD*);
    if (const HMODULE system = ::GetModuleHandleW(L"ntdll.dll")) {
        if (const auto ask = reinterpret_cast<version_function>(
                reinterpret_cast<void*>(::GetProcAddress(system, "RtlGetNtVersionNumbers")))) {
            ask(&major, &minor, &build);
        }
    }
    return "Windows " + std::to_string(major) + "." + std::to_string(minor) + ", build " +
           std::to_string(build & 0xFFFFU);
}

void judge_machine(report& out) {
    out.add(level::ok, "system", version_of_windows());
}

void judge_own_stderr(bool closed, report& out) {
    const int fd = process::standard_descriptor(2);
    if (closed) {
        out.add(level::note, "stderr",
                "there was none at the start: what is forwarded goes nowhere");
    } else if (is_terminal(fd)) {
        out.add(level::ok, "stderr", "a console; by default nothing is captured there");
    } else {
        const DWORD kind = ::GetFileType(handle_of(fd));
        out.add(level::ok, "stderr",
                kind == FILE_TYPE_PIPE   ? "a pipe or a socket"
                : kind == FILE_TYPE_DISK ? "a file"
                                         : "a device");
    }
}

void judge_configuration(const settings::loaded& loaded, report& out) {
    for (const auto& one : loaded.diagnostics) {
        if (one.level == severity::error) {
            out.add_fatal("configuration", one.text_without_level(), "correct it");
        } else {
            out.add(level::warning, "configuration", one.text_without_level());
        }
    }
    if (!loaded.values.enabled) {
        out.add(level::warning, "configuration", "fd2 is disabled (enabled: false)");
    }
}

void judge_backends(const settings::settings& config, report& out) {
    const auto directories = plugin_directories(config);
    const channel::loader plugins(directories);
    const auto& list = config.transport == settings::transport_kind::async ? config.backends.async
                                                                           : config.backends.sync;
    std::vector<plugin_row> rows;
    for (const auto& file : plugins.discover()) {
        rows.push_back(try_plugin(file, config));
        const plugin_row& row = rows.back();
        backend_numbers numbers;
        numbers.backend = row.backend;
        numbers.usable = row.usable();
        out.backends.push_back(numbers);
        const bool listed = std::find(list.begin(), list.end(), row.backend) != list.end();
        if (row.usable()) {
            out.add(level::ok, "backend " + row.backend, "works");
        } else {
            out.add(listed ? level::warning : level::note, "backend " + row.backend,
                    row.why_not->message, row.why_not->advice);
        }
    }
    if (!config.enabled) {
        out.would_use = "inherit";
        return;
    }
    for (const auto& name : list) {
        for (const auto& row : rows) {
            if (row.backend == name && row.usable() && out.would_use.empty()) out.would_use = name;
        }
    }
    if (!out.would_use.empty()) return;
    std::string searched;
    for (const auto& each : directories) searched += (searched.empty() ? "" : ", ") + each.path;
    out.add(level::problem, "backends",
            "none of those that are listed works; searched: " + searched,
            "install the plugins beside fd2.exe, in the directory backends");
    if (config.fallback.inherit) out.would_use = "inherit";
}

void judge_program(const std::string& name, const std::string& advice, report& out) {
    const auto path = environment_variable("PATH");
    for (const auto& file : process::command_candidates(name, path ? path->c_str() : nullptr)) {
        if (!is_executable(file)) continue;
        out.add(level::ok, name + " on PATH", file + (is_ourselves(file) ? " (this one)" : ""));
        return;
    }
    out.add(level::note, name + " on PATH", "not there", advice);
}

}  // namespace

int examine(const common_options& given, const process::closed_at_start& closed,
            const output_options& shown, std::ostream& out) {
    report found;
    text_printer printer(look_at_stdout(shown.colour), shown.verbose, out);
    if (!shown.json) found.watch = [&printer](const finding& one) { printer.see(one); };
    judge_machine(found);
    const auto loaded = read_settings(given);
    if (loaded) {
        judge_configuration(*loaded, found);
        judge_backends(loaded->values, found);
    } else {
        found.add_fatal("configuration", loaded.error().message, loaded.error().advice);
    }
    judge_own_stderr(closed.closed[2], found);
    judge_program("fd2", "add its directory to PATH, or call it by its full path", found);
    judge_program("ssh", "install the OpenSSH client (an optional feature of Windows)", found);
    shown.json ? print_json(found, out) : printer.end(found);
    return found.count(level::problem) == 0 ? 0 : 1;
}

}  // namespace fd2::cli::doctor
