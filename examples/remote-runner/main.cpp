// Runs a command on another host through ssh: passes on its stdout, returns its status, and if it
// failed, shows the end of its stderr.
//
// The sync transport, on one thread: fd2 reads the stderr, so reading stdout to EOF and then
// waiting cannot deadlock, however much arrives on either.
#include <fd2/fd2.hpp>

#include <cerrno>
#include <charconv>
#include <cstdio>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace {

constexpr std::string_view usage =
    R"(Usage: remote-runner [--rsh WORDS] [--lines N] HOST COMMAND [ARGUMENT...]

Runs COMMAND on HOST, passes its stdout on and returns its status. When it failed, the last lines of
what it wrote to stderr are shown.

  --rsh WORDS   use instead of "ssh", split at spaces: --rsh "ssh -p 2222"
  --lines N     how many lines of stderr to show (20)

Exit status: the command's; 255 when ssh failed, 128 + N when signal N ended it, 125 when it could
not be started, 2 for wrong usage.
)";

struct usage_error : std::runtime_error {
    using runtime_error::runtime_error;
};

struct options {
    bool help = false;
    std::vector<std::string> rsh{"ssh"};
    std::size_t lines = 20;
    std::string host;
    std::vector<std::string> command;
};

std::vector<std::string> words_of(const std::string& text) {
    std::istringstream in(text);
    std::vector<std::string> out;
    for (std::string word; in >> word;) out.push_back(word);
    if (out.empty()) throw usage_error("--rsh needs at least one word");
    return out;
}

std::size_t number_of(std::string_view text) {
    std::size_t out = 0;
    const auto [end, wrong] = std::from_chars(text.data(), text.data() + text.size(), out);
    if (wrong != std::errc() || end != text.data() + text.size()) {
        throw usage_error("--lines needs a number, not \"" + std::string(text) + "\"");
    }
    return out;
}

options parse(const std::vector<std::string>& words) {
    options out;
    std::size_t at = 0;
    const auto value = [&] {
        if (at + 1 >= words.size()) throw usage_error(words[at] + " needs a value");
        return words[++at];
    };
    for (; at < words.size() && words[at].starts_with('-'); ++at) {
        if (words[at] == "-h" || words[at] == "--help") {
            out.help = true;
            return out;
        }
        if (words[at] == "--rsh") {
            out.rsh = words_of(value());
        } else if (words[at] == "--lines") {
            out.lines = number_of(value());
        } else {
            throw usage_error("unknown option " + words[at]);
        }
    }
    if (words.size() < at + 2) throw usage_error("a host and a command are needed");
    out.host = words[at];
    out.command.assign(words.begin() + static_cast<std::ptrdiff_t>(at) + 1, words.end());
    return out;
}

void pass_on(fd2::wire_reader& from) {
    std::vector<char> buffer(64 * 1024);
    while (const std::size_t size = from.read_some(buffer.data(), buffer.size())) {
        if (std::fwrite(buffer.data(), 1, size, stdout) != size || std::fflush(stdout) != 0) {
            throw std::system_error(errno, std::generic_category(), "write to stdout");
        }
    }
}

/// The last `count` lines of `text`.
std::string_view last_lines(std::string_view text, std::size_t count) {
    std::size_t begin = text.size();
    if (begin > 0 && text.back() == '\n') --begin;
    for (; begin > 0; --begin) {
        if (text[begin - 1] == '\n' && --count == 0) break;
    }
    return text.substr(begin);
}

int run(const options& with) {
    fd2::host_options quiet;
    // This program shows the stderr itself; fd2 must neither forward it nor print its tail.
    quiet.set = {"forward.mode=off", "surface=never"};
    const fd2::host host(quiet);

    fd2::ssh_command command(with.host);
    command.program(with.rsh).remote(with.command);
    // If our stdout fails, let the child end in an orderly way.
    command.stop({{fd2::stop::wait, std::chrono::milliseconds(500)},
                  {fd2::stop::terminate, std::chrono::seconds(5)},
                  {fd2::stop::kill}});
    fd2::SshConnection connection = fd2::spawn(host, command);
    connection.in().close();    // it gets no input
    pass_on(connection.out());  // to EOF, before the wait
    const auto [report, last] = connection.wait_with_stderr();

    if (!report.success()) {
        std::fprintf(stderr, "remote-runner: %s: %s\n", with.host.c_str(),
                     fd2::text_of(report.status).c_str());
        if (with.lines > 0 && !last.bytes.empty()) {
            std::string shown(last_lines(last.bytes, with.lines));
            if (shown.back() != '\n') shown += '\n';
            std::fwrite(shown.data(), 1, shown.size(), stderr);
        }
    }
    return fd2::shell_code(report.status);
}

}  // namespace

int main(int argc, char** argv) {
    try {
        const options with = parse({argv + 1, argv + argc});
        if (!with.help) return run(with);
        std::fwrite(usage.data(), 1, usage.size(), stdout);
        return 0;
    } catch (const usage_error& wrong) {
        std::fprintf(stderr, "remote-runner: %s; see remote-runner --help\n", wrong.what());
        return 2;
    } catch (const std::exception& failed) {  // fd2::error is one
        std::fprintf(stderr, "remote-runner: %s\n", failed.what());
        return 125;
    }
}
