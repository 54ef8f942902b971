#include <fd2/ssh_command.hpp>

#include <algorithm>
#include <utility>

#include "base/files.hpp"
#include "library/command_access.hpp"

namespace fd2 {

namespace {

/// What needs no quotes in any POSIX shell, at any place of a command.
bool is_plain(char c) noexcept {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("%+,-./:@_").find(c) != std::string_view::npos;
}

failure wrong(std::string what) {
    return {errc::invalid, 0, "ssh command: " + std::move(what)};
}

bool has_nul(const std::string& text) {
    return text.find('\0') != text.npos;
}

}  // namespace

std::string quoted_for_shell(std::string_view word) {
    if (!word.empty() && std::all_of(word.begin(), word.end(), is_plain)) return std::string(word);
    std::string out = "'";
    for (const char c : word) {
        if (c == '\'') {
            out += "'\\''";
        } else {
            out += c;
        }
    }
    return out + '\'';
}

ssh_command::ssh_command(std::string host)
    : program_{"ssh"}, is_ssh_(true), host_(std::move(host)) {}

ssh_command ssh_command::from_argv(std::vector<std::string> argv) {
    ssh_command out;
    out.program_ = std::move(argv);
    return out;
}

ssh_command& ssh_command::program(std::vector<std::string> words) {
    program_ = std::move(words);
    return *this;
}

ssh_command& ssh_command::user(std::string name) {
    user_ = std::move(name);
    return *this;
}

ssh_command& ssh_command::port(unsigned number) {
    port_ = number;
    return *this;
}

ssh_command& ssh_command::option(std::string_view key_value) {
    arguments_.emplace_back("-o");
    arguments_.emplace_back(key_value);
    return *this;
}

ssh_command& ssh_command::argument(std::string word) {
    arguments_.push_back(std::move(word));
    return *this;
}

ssh_command& ssh_command::remote(const std::vector<std::string>& words) {
    std::string line;
    for (const auto& word : words) {
        if (!line.empty()) line += ' ';
        line += quoted_for_shell(word);
    }
    remote_ = std::move(line);
    return *this;
}

ssh_command& ssh_command::remote_line(std::string line) {
    remote_ = std::move(line);
    return *this;
}

ssh_command& ssh_command::working_directory(std::string path) {
    directory_ = std::move(path);
    return *this;
}

ssh_command& ssh_command::environment(std::vector<std::string> variables) {
    environment_ = std::move(variables);
    return *this;
}

ssh_command& ssh_command::env(std::string name, std::string value) {
    changes_.emplace_back(std::move(name), std::move(value));
    return *this;
}

ssh_command& ssh_command::env_remove(std::string name) {
    changes_.emplace_back(std::move(name), std::nullopt);
    return *this;
}

ssh_command& ssh_command::search_path(path_of whose) {
    search_path_ = whose;
    return *this;
}

ssh_command& ssh_command::standard_input(stdio what) {
    input_ = what;
    return *this;
}

ssh_command& ssh_command::standard_output(stdio what) {
    output_ = what;
    return *this;
}

ssh_command& ssh_command::stop(const stop_actions& actions) {
    stop_ = actions;
    return *this;
}

ssh_command& ssh_command::backend(std::string name) {
    backend_ = std::move(name);
    return *this;
}

stderr_lines ssh_command::subscribe(line_filter filter, std::size_t capacity) {
    auto queue = std::make_shared<line_queue>(std::move(filter), capacity);
    // Copies of this command share it; when the last of them is gone, nobody can spawn it any more.
    subscribers_.emplace_back(queue.get(),
                              [queue](line_queue*) { line_queue::attach(queue, nullptr); });
    return lines_access::make(std::move(queue));
}

std::vector<std::string> ssh_command::argv() const {
    std::vector<std::string> out = program_;
    if (!is_ssh_) return out;
    out.insert(out.end(), arguments_.begin(), arguments_.end());
    if (port_) {
        out.emplace_back("-p");
        out.push_back(std::to_string(*port_));
    }
    if (user_) {
        out.emplace_back("-l");
        out.push_back(*user_);
    }
    out.push_back(host_);
    if (remote_) out.push_back(*remote_);
    return out;
}

status command_access::check(const ssh_command& command) {
    if (command.program_.empty() || command.program_.front().empty()) return wrong("no program");
    if (command.is_ssh_) {
        if (command.host_.empty()) return wrong("the host is empty");
        if (command.host_.front() == '-') {
            return wrong("host \"" + command.host_ + "\" begins with '-': it would be an option");
        }
        if (command.port_ && (*command.port_ == 0 || *command.port_ > 65535)) {
            return wrong("port " + std::to_string(*command.port_) +
                         " is out of range (1 to 65535)");
        }
    } else if (command.user_ || command.port_ || command.remote_ || !command.arguments_.empty()) {
        return wrong("user, port, options and remote command are for ssh, not for \"" +
                     command.program_.front() + "\"");
    }
    const auto words = command.argv();
    if (std::any_of(words.begin(), words.end(), has_nul))
        return wrong("an argument contains a NUL");
    for (const auto& variable : command.environment_.value_or(std::vector<std::string>{})) {
        if (variable.find('=') == variable.npos || variable.front() == '=' || has_nul(variable)) {
            return wrong("environment \"" + variable + "\": not of the form NAME=value");
        }
    }
    for (const auto& [name, value] : command.changes_) {
        if (name.empty() || name.find('=') != name.npos || has_nul(name)) {
            return wrong("\"" + name + "\" is not a variable name");
        }
        if (value && has_nul(*value)) return wrong("variable \"" + name + "\" contains a NUL");
    }
    for (const auto& [what, name] :
         {std::pair(command.input_, "input"), std::pair(command.output_, "output")}) {
        if (what.what() == stdio::kind::descriptor && what.number() < 0) {
            return wrong(std::string("standard ") + name + ": invalid descriptor " +
                         std::to_string(what.number()));
        }
    }
    return {};
}

namespace {

/// Sets or removes one variable of an environment.
void change(std::vector<std::string>& all, const std::string& name,
            const std::optional<std::string>& value) {
    std::erase_if(all, [&](const std::string& one) {
        return one.size() > name.size() && one[name.size()] == '=' && one.starts_with(name);
    });
    if (value) all.push_back(name + '=' + *value);
}

}  // namespace

result<process::spawn_spec> command_access::spec(const ssh_command& command) {
    auto signals = process::inherited_state::capture();
    if (!signals) return std::move(signals).error();
    signals->let_end();
    process::spawn_spec out;
    out.signals = *signals;
    out.argv = command.argv();
    out.environment = command.environment_;
    if (!command.changes_.empty()) {
        if (!out.environment) {
            out.environment.emplace();
            for (char** each = own_environment(); each && *each; ++each) {
                out.environment->push_back(*each);
            }
        }
        for (const auto& [name, value] : command.changes_) change(*out.environment, name, value);
    }
    out.search_environment = command.search_path_ == ssh_command::path_of::child;
    out.working_directory = command.directory_;
    return out;
}

std::vector<std::shared_ptr<line_queue>> command_access::take_subscribers(ssh_command& command) {
    return std::exchange(command.subscribers_, {});
}

stdio command_access::standard_input(const ssh_command& command) noexcept {
    return command.input_;
}

stdio command_access::standard_output(const ssh_command& command) noexcept {
    return command.output_;
}

const stop_actions& command_access::stop(const ssh_command& command) noexcept {
    return command.stop_;
}

const std::string& command_access::backend(const ssh_command& command) {
    return command.backend_;
}

}  // namespace fd2
