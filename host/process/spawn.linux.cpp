#include "process/spawn.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <utility>

#include "process/child_side.hpp"
#include "process/clone_child.hpp"
#include "process/command_search.hpp"

namespace fd2::process {
namespace {

/// The array of pointers that exec wants. `strings` must outlive it.
std::vector<char*> pointers_to(const std::vector<std::string>& strings) {
    std::vector<char*> array;
    array.reserve(strings.size() + 1);
    // exec writes through none of them; its prototype is older than const.
    for (const auto& text : strings) array.push_back(const_cast<char*>(text.c_str()));
    array.push_back(nullptr);
    return array;
}

bool has_zero(const std::vector<std::string>& strings) noexcept {
    for (const auto& text : strings) {
        if (text.find('\0') != std::string::npos) return true;
    }
    return false;
}

status check(const spawn_spec& spec) {
    const auto invalid = [](const char* what) {
        return failure{errc::invalid, EINVAL, std::string("spawn: ") + what};
    };
    if (spec.argv.empty()) return invalid("no arguments");
    if (has_zero(spec.argv) || (spec.environment && has_zero(*spec.environment)) ||
        has_zero({spec.program, spec.working_directory})) {
        return invalid("a string contains a NUL byte");
    }
    for (int fd : {spec.standard_input, spec.standard_output, spec.standard_error}) {
        if (fd < -1) return invalid("a descriptor below -1");
    }
    if (spec.parent_death_signal < 0 || spec.parent_death_signal > last_signal) {
        return invalid("no such parent-death signal");
    }
    return {};
}

void collect_failed(pid_t pid) noexcept {
    // __WALL: a child without an exit signal counts as a "clone" child.
    while (::waitpid(pid, nullptr, __WALL) < 0 && errno == EINTR) {
    }
}

/// The arrays that an exec of `spec` needs; they point into each other and into `spec`.
struct exec_words {
    exec_words(const spawn_spec& spec, const char* path)
        : candidates(command_candidates(spec.program.empty() ? spec.argv[0] : spec.program, path)),
          files(pointers_to(candidates)),
          arguments(pointers_to(spec.argv)) {
        shell_arguments.insert(shell_arguments.end(), arguments.begin() + 1, arguments.end());
    }
    exec_words(const exec_words&) = delete;
    exec_words& operator=(const exec_words&) = delete;

    std::vector<std::string> candidates;
    std::vector<char*> files;
    std::vector<char*> arguments;
    std::string shell = "/bin/sh";
    std::vector<char*> shell_arguments{shell.data(), nullptr};
};

/// Null: there is none.
const char* path_of(const spawn_spec& spec) noexcept {
    if (!spec.search_environment || !spec.environment) return std::getenv("PATH");
    for (const auto& variable : *spec.environment) {
        if (variable.starts_with("PATH=")) return variable.c_str() + 5;
    }
    return nullptr;
}

bool exists(const std::string& file) noexcept {
    return ::access(file.c_str(), F_OK) == 0;
}

failure describe(const spawn_spec& spec, const child_plan& plan,
                 const std::vector<std::string>& candidates, spawn_refusal& refusal) {
    const int why = plan.sys_errno;
    switch (plan.failed) {
        case child_step::signals:
            return system_failure("set up the child's signals", "", why);
        case child_step::descriptors:
            return system_failure("set up the child's stdin, stdout and stderr", "", why);
        case child_step::directory:
            return system_failure("chdir", spec.working_directory, why);
        case child_step::parent_death:
            return system_failure("prctl", "PR_SET_PDEATHSIG", why);
        case child_step::execute:
        case child_step::none:
            break;
    }
    const std::string& command = spec.program.empty() ? spec.argv[0] : spec.program;
    refusal = spawn_refusal::not_executable;
    const std::string* present = nullptr;
    for (const auto& file : candidates) {
        // From here a relative name of another working directory says nothing.
        if (!spec.working_directory.empty() && file[0] != '/') continue;
        if (!exists(file)) continue;
        present = &file;
        break;
    }
    // The kernel says the same of a missing file and of a script's missing interpreter.
    if (why == ENOENT && present) {
        return {classify(why), why,
                "execute: " + *present + ": its interpreter is missing (ENOENT)"};
    }
    // And the same of a file that may not be executed and of a directory of PATH that may not be
    // searched; the second says nothing about the command.
    const bool searched = command.find('/') == std::string::npos;
    if (why == EACCES && searched && !present && spec.working_directory.empty()) {
        refusal = spawn_refusal::not_found;
        return system_failure("execute", command, ENOENT);
    }
    if (why == ENOENT || why == ENOTDIR || why == ENAMETOOLONG || why == ELOOP) {
        refusal = spawn_refusal::not_found;
        return system_failure("execute", command, why);
    }
    return system_failure("execute", candidates[plan.candidate], why);
}

}  // namespace

const int asked_to_end = SIGTERM;

result<child> spawn(const spawn_spec& spec, spawn_refusal* refusal) {
    spawn_refusal not_asked_for;
    spawn_refusal& why_not = refusal ? *refusal : not_asked_for;
    why_not = spawn_refusal::own_failure;  // until the program itself is tried
    if (auto fit = check(spec); !fit) return std::move(fit).error();

    exec_words words(spec, path_of(spec));
    std::vector<char*> own_environment;
    if (spec.environment) own_environment = pointers_to(*spec.environment);

    inherited_state signals;
    if (spec.signals) {
        signals = *spec.signals;
    } else {
        auto present = inherited_state::capture();
        if (!present) return std::move(present).error();
        signals = *present;
    }

    child_plan plan{
        .candidates = words.files.data(),
        .argv = words.arguments.data(),
        .environment = spec.environment ? own_environment.data() : environ,
        .shell_argv = words.shell_arguments.data(),
        .working_directory =
            spec.working_directory.empty() ? nullptr : spec.working_directory.c_str(),
        .standard = {spec.standard_input, spec.standard_output, spec.standard_error},
        .blocked = signals.blocked.bits(),
        .ignored = signals.ignored.bits(),
        .parent_death_signal = spec.parent_death_signal,
        .parent = ::getpid(),
    };

    const cloned made = clone_child(plan);
    if (made.pid < 0) return system_failure("start a child", spec.argv[0], made.sys_errno);
    unique_fd pidfd(made.pidfd);
    if (plan.failed != child_step::none) {
        collect_failed(made.pid);
        return describe(spec, plan, words.candidates, why_not);
    }
    return child(made.pid, std::move(pidfd));
}

failure execute(const spawn_spec& spec, spawn_refusal* refusal) {
    spawn_refusal not_asked_for;
    spawn_refusal& why_not = refusal ? *refusal : not_asked_for;
    why_not = spawn_refusal::own_failure;
    if (auto fit = check(spec); !fit) return std::move(fit).error();
    exec_words words(spec, std::getenv("PATH"));
    child_plan plan{
        .candidates = words.files.data(),
        .argv = words.arguments.data(),
        .environment = environ,
        .shell_argv = words.shell_arguments.data(),
        .working_directory = nullptr,
        .standard = {-1, -1, -1},
        .blocked = 0,
        .ignored = 0,
        .parent_death_signal = 0,
        .parent = 0,
    };
    execute_first(plan);
    return describe(spec, plan, words.candidates, why_not);
}

}  // namespace fd2::process
