// Runs one command on many hosts at once, on one thread: lines of stdout and stderr appear as they
// come, each after its host's name, and a table at the end shows the result for each host.
//
// The async transport with coroutines. Each host has one that starts its ssh and then waits for
// three things at the same time: lines of stderr, bytes of stdout, the end.
#include <fd2/async.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <csignal>
#include <cstdio>
#include <list>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace {

namespace asio = boost::asio;
using namespace asio::experimental::awaitable_operators;

constexpr std::string_view usage =
    R"(Usage: fan-out [--rsh WORDS] HOST[,HOST...] COMMAND [ARGUMENT...]

Runs COMMAND on all HOSTs at once. Lines of stdout and stderr are shown as they come, after the name
of their host; at the end a table on stderr. Ctrl-C ends all of them, a second one at once.

  --rsh WORDS   use instead of "ssh", split at spaces: --rsh "ssh -p 2222"

Exit status: 0 when it succeeded everywhere, 1 when not, 128 + N after signal N, 2 for wrong usage.
)";

struct usage_error : std::runtime_error {
    using runtime_error::runtime_error;
};

struct options {
    bool help = false;
    std::vector<std::string> rsh{"ssh"};
    std::vector<std::string> hosts;
    std::vector<std::string> command;
};

std::vector<std::string> split(const std::string& text, char at) {
    std::istringstream in(text);
    std::vector<std::string> out;
    for (std::string word; std::getline(in, word, at);) {
        if (!word.empty()) out.push_back(word);
    }
    return out;
}

options parse(const std::vector<std::string>& words) {
    options out;
    std::size_t at = 0;
    for (; at < words.size() && words[at].starts_with('-'); ++at) {
        if (words[at] == "-h" || words[at] == "--help") {
            out.help = true;
            return out;
        }
        if (words[at] != "--rsh") throw usage_error("unknown option " + words[at]);
        if (++at == words.size()) throw usage_error("--rsh needs a value");
        out.rsh = split(words[at], ' ');
        if (out.rsh.empty()) throw usage_error("--rsh needs at least one word");
    }
    if (words.size() < at + 2) throw usage_error("hosts and a command are needed");
    out.hosts = split(words[at], ',');
    if (out.hosts.empty()) throw usage_error("there is no host in \"" + words[at] + "\"");
    out.command.assign(words.begin() + static_cast<std::ptrdiff_t>(at) + 1, words.end());
    return out;
}

/// The result for one host.
struct outcome {
    std::string host;
    bool success = false;
    std::string how = "not started";
    double seconds = 0;
    std::uint64_t lines = 0;    // of stderr
    std::uint64_t dropped = 0;  // because this program was too slow to show them
};

class fan {
  public:
    explicit fan(const options& with) : with_(with), host_(captured()) {
        for (const auto& name : with.hosts) outcomes_.push_back({.host = name});
    }

    int run() {
        asio::signal_set signals(io_, SIGINT, SIGTERM);
        on_signal(signals);
        left_ = outcomes_.size();
        for (outcome& one : outcomes_) {
            asio::co_spawn(io_, run_on(one), [&](const std::exception_ptr&, auto...) {
                if (--left_ == 0) signals.cancel();  // nothing else keeps the loop running
            });
        }
        io_.run();
        return report();
    }

  private:
    static fd2::host_options captured() {
        fd2::host_options out;
        // This program shows the lines, so fd2 must neither forward them nor print them afterwards.
        // The flag is on by default on Linux; if it is off, children inherit our stderr.
        out.set = {"features.ssh-socketpair-stderr=true", "forward.mode=off", "surface=never"};
        return out;
    }

    void on_signal(asio::signal_set& signals) {
        signals.async_wait([&](boost::system::error_code failed, int signal) {
            if (failed) return;
            for (auto* child : running_) {
                boost::system::error_code gone;
                child->kill(signal_ == 0 ? SIGTERM : SIGKILL, gone);
            }
            signal_ = signal;
            on_signal(signals);
        });
    }

    asio::awaitable<void> run_on(outcome& into) {
        try {
            fd2::ssh_command command(into.host);
            command.program(with_.rsh).remote(with_.command);
            const auto on = co_await asio::this_coro::executor;
            fd2::async_stderr_lines lines(on, command.subscribe());  // from the first one on
            fd2::AsyncSshTransport child = fd2::async_spawn(on, host_, command);
            const auto place = running_.insert(running_.end(), &child);
            child.in().close();  // an async wait does not do that
            const fd2::exit_report report =
                co_await (show_stderr(into, lines) && show_stdout(into.host, child.out()) &&
                          child.async_wait(asio::use_awaitable));
            running_.erase(place);
            into.success = report.success();
            into.how = fd2::text_of(report.status);
            into.seconds = std::chrono::duration<double>(report.ran).count();
            into.dropped = lines.dropped();
        } catch (const std::exception& failed) {  // fd2::error is one
            into.how = failed.what();
        }
    }

    asio::awaitable<void> show_stderr(outcome& into, fd2::async_stderr_lines& lines) {
        boost::system::error_code failed;
        for (;;) {
            const fd2::stderr_line line =
                co_await lines.async_receive(asio::redirect_error(asio::use_awaitable, failed));
            if (failed) break;  // eof: no more lines
            if (!fd2::more_follows(line.piece)) ++into.lines;
            show(stderr, into.host, line.text);
        }
    }

    asio::awaitable<void> show_stdout(const std::string& host, fd2::async_wire_reader& from) {
        std::vector<char> buffer(16 * 1024);
        std::string text;
        boost::system::error_code failed;
        while (!failed) {
            const std::size_t size = co_await from.async_read_some(
                asio::buffer(buffer), asio::redirect_error(asio::use_awaitable, failed));
            text.append(buffer.data(), size);
            std::size_t begin = 0;
            for (std::size_t end; (end = text.find('\n', begin)) != text.npos; begin = end + 1) {
                show(stdout, host, std::string_view(text).substr(begin, end - begin));
            }
            text.erase(0, begin);
        }
        if (!text.empty()) show(stdout, host, text);
    }

    static void show(std::FILE* to, const std::string& host, std::string_view text) {
        std::string line = host + ": ";
        line.append(text) += '\n';
        std::fwrite(line.data(), 1, line.size(), to);
        std::fflush(to);
    }

    int report() const {
        int width = 4;
        for (const auto& one : outcomes_)
            width = std::max(width, static_cast<int>(one.host.size()));
        std::fprintf(stderr, "\n%-*s  seconds  stderr lines  dropped  result\n", width, "host");
        bool success = true;
        for (const auto& one : outcomes_) {
            std::fprintf(stderr, "%-*s  %7.2f  %12llu  %7llu  %s\n", width, one.host.c_str(),
                         one.seconds, static_cast<unsigned long long>(one.lines),
                         static_cast<unsigned long long>(one.dropped), one.how.c_str());
            success = success && one.success;
        }
        return signal_ != 0 ? 128 + signal_ : success ? 0 : 1;
    }

    const options& with_;
    asio::io_context io_{1};
    fd2::host host_;
    std::list<outcome> outcomes_;
    std::list<fd2::AsyncSshTransport*> running_;
    std::size_t left_ = 0;
    int signal_ = 0;
};

}  // namespace

int main(int argc, char** argv) {
    try {
        const options with = parse({argv + 1, argv + argc});
        if (!with.help) return fan(with).run();
        std::fwrite(usage.data(), 1, usage.size(), stdout);
        return 0;
    } catch (const usage_error& wrong) {
        std::fprintf(stderr, "fan-out: %s; see fan-out --help\n", wrong.what());
        return 2;
    } catch (const std::exception& failed) {
        std::fprintf(stderr, "fan-out: %s\n", failed.what());
        return 125;
    }
}
