#include <fd2/ssh_command.hpp>

#include <signal.h>

#include <algorithm>
#include <utility>

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

ssh_command& ssh_command::backend(std::string name) {
    backend_ = std::move(name);
    return *this;
}

stderr_lines ssh_command::subscribe(line_filter filter, std::size_t capacity) {
    auto queue = std::make_shared<line_queue>(std::move(filter), capacity);
    subscribers_.push_back(queue);
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

status command_access::check(const ssh_command& of) {
    if (of.program_.empty() || of.program_.front().empty()) return wrong("no program");
    if (of.is_ssh_) {
        if (of.host_.empty()) return wrong("the host is empty");
        if (of.host_.front() == '-') {
            return wrong("host \"" + of.host_ + "\" begins with '-': it would be an option");
        }
        if (of.port_ && (*of.port_ == 0 || *of.port_ > 65535)) {
            return wrong("port " + std::to_string(*of.port_) + " is not within 1 to 65535");
        }
    } else if (of.user_ || of.port_ || of.remote_ || !of.arguments_.empty()) {
        return wrong("user, port, options and remote command belong to ssh, not to \"" +
                     of.program_.front() + "\"");
    }
    const auto words = of.argv();
    if (std::any_of(words.begin(), words.end(), has_nul)) return wrong("an argument holds a NUL");
    for (const auto& variable : of.environment_.value_or(std::vector<std::string>{})) {
        if (variable.find('=') == variable.npos || variable.front() == '=' || has_nul(variable)) {
            return wrong("environment \"" + variable + "\": write NAME=value");
        }
    }
    return {};
}

result<process::spawn_spec> command_access::spec(const ssh_command& of) {
    auto signals = process::inherited_state::capture();
    if (!signals) return std::move(signals).error();
    // What a program blocks for a signal thread of its own, and that its writes are to raise no
    // SIGPIPE, is no business of ssh's: it could not be ended, or not end by itself.
    signals->blocked = {};
    signals->ignored.remove(SIGPIPE);
    process::spawn_spec out;
    out.signals = *signals;
    out.argv = of.argv();
    out.environment = of.environment_;
    out.working_directory = of.directory_;
    return out;
}

std::vector<std::shared_ptr<line_queue>> command_access::take_subscribers(ssh_command& of) {
    return std::exchange(of.subscribers_, {});
}

const std::string& command_access::backend(const ssh_command& of) {
    return of.backend_;
}

}  // namespace fd2
