// A program that embeds libfd2, for tests with real remote shells.
//
//   embedder relay sync|async [KEY=VALUE...] -- COMMAND...
//       carries its own stdin and stdout over the wire of COMMAND; its status is COMMAND's
//   embedder many COUNT AT_ONCE [KEY=VALUE...] -- COMMAND...
//       COUNT times COMMAND plus a remote line of its own, at most AT_ONCE at a time, on one
//       thread; prints what was wrong, and a last line "good=N threads=M"
//
// Backends are looked for in FD2_PLUGIN_PATH. With FD2_EMBEDDER_REPORT=PREFIX `relay` leaves
// PREFIX.tail and PREFIX.stats.json, of the same shape as those of `fd2 run`. Signals that tools
// send to a remote shell are passed on.
#include <signal.h>
#include <unistd.h>
#include <boost/asio.hpp>
#include <fd2/async.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using words = std::vector<std::string>;

fd2::host make_host(words set) {
    fd2::host_options options;
    if (const char* path = std::getenv("FD2_PLUGIN_PATH")) options.plugin_path = {path};
    options.set = std::move(set);
    return fd2::host(options);
}

std::string exit_of(fd2::exit_status how) {
    if (how.signal() == 0) return "{\"code\": " + std::to_string(how.code()) + "}";
    return "{\"signal\": " + std::to_string(how.signal()) +
           ", \"core\": " + (how.core() ? "true" : "false") + "}";
}

/// The end of a relay, and what there is to tell of it. Ends the process here and now: the wire is
/// to end with it, for rsync looks for the status once, at that moment.
[[noreturn]] void finish(const fd2::exit_report& report) {
    if (const char* prefix = std::getenv("FD2_EMBEDDER_REPORT")) {
        const fd2::snapshot last = report.record.snapshot();
        const std::chrono::duration<double, std::milli> ran = report.ran, lasted = report.lasted;
        std::ofstream(std::string(prefix) + ".tail") << last.bytes;
        std::ofstream(std::string(prefix) + ".stats.json")
            << "{\"backend\": \"" << last.backend << "\", \"bytes\": " << last.total_bytes
            << ", \"lines\": " << last.total_lines
            << ", \"forwarded_bytes\": " << last.forwarded_bytes << ", \"end\": \""
            << fd2::name_of(last.end) << "\", \"exit\": " << exit_of(report.status)
            << ", \"times\": {\"exited_ms\": " << std::to_string(ran.count())
            << ", \"finished_ms\": " << std::to_string(lasted.count()) << "}}\n";
    }
    if (report.status.signal() != 0) {
        ::signal(report.status.signal(), SIG_DFL);
        ::raise(report.status.signal());
    }
    ::_exit(fd2::shell_code(report.status));
}

[[noreturn]] void relay_sync(const fd2::host& host, const words& argv) {
    auto command = fd2::ssh_command::from_argv(argv);
    auto [child, in, out] = fd2::spawn(host, command).split();
    // rsync gives a remote shell non-blocking descriptors; these streams wait by themselves.
    std::thread sender([to = std::move(in), from = fd2::wire_reader(::dup(0))]() mutable {
        std::array<char, 65536> chunk;
        std::error_code failed;
        while (const std::size_t n = from.read_some(chunk.data(), chunk.size(), failed)) {
            to.write({chunk.data(), n}, failed);
            if (failed) break;
        }
    });
    // It ends with our stdin, which may be never: like the remote shell itself, we end before that.
    sender.detach();
    fd2::wire_writer to(::dup(1));
    std::array<char, 65536> chunk;
    while (const std::size_t n = out.read_some(chunk.data(), chunk.size())) {
        to.write({chunk.data(), n});
    }
    finish(child.wait());
}

template <class From, class To>
asio::awaitable<void> pump(From& from, To& to) {
    std::array<char, 65536> chunk;
    error_code failed;
    for (;;) {
        const std::size_t n = co_await from.async_read_some(
            asio::buffer(chunk), asio::redirect_error(asio::use_awaitable, failed));
        if (failed) co_return;
        co_await asio::async_write(to, asio::buffer(chunk.data(), n),
                                   asio::redirect_error(asio::use_awaitable, failed));
        if (failed) co_return;
    }
}

[[noreturn]] void relay_async(const fd2::host& host, const words& argv) {
    asio::io_context io;
    auto command = fd2::ssh_command::from_argv(argv);
    auto child = fd2::async_spawn(io.get_executor(), host, command);
    // Our ends of whoever's pipes they are: nobody else has these descriptions.
    asio::posix::stream_descriptor from(io, 0);
    asio::posix::stream_descriptor to(io, 1);
    std::optional<fd2::exit_report> end;
    asio::signal_set signals(io, SIGHUP, SIGINT, SIGTERM);
    for (const int signal : {SIGQUIT, SIGUSR1, SIGUSR2}) signals.add(signal);
    asio::co_spawn(
        io,
        [&]() -> asio::awaitable<void> {
            for (;;) {
                const int signal = co_await signals.async_wait(asio::use_awaitable);
                error_code gone;
                child.kill(signal, gone);
            }
        },
        asio::detached);
    asio::co_spawn(
        io,
        [&]() -> asio::awaitable<void> {
            co_await pump(from, child.in());
            child.in().close();
        },
        asio::detached);
    asio::co_spawn(
        io,
        [&]() -> asio::awaitable<void> {
            co_await pump(child.out(), to);
            end = co_await child.async_wait(asio::use_awaitable);
            from.close();
            signals.cancel();
        },
        asio::detached);
    io.run();
    finish(*end);
}

std::size_t threads() {
    std::size_t count = 0;
    for (const auto& one : std::filesystem::directory_iterator("/proc/self/task")) {
        (void)one;
        ++count;
    }
    return count;
}

class crowd {
  public:
    crowd(const fd2::host& host, const words& argv, int count)
        : host_(host), argv_(argv), count_(count) {}

    int run(int at_once) {
        for (int i = 0; i < at_once; ++i)
            asio::co_spawn(io_, one_after_the_other(), asio::detached);
        io_.run();
        std::printf("good=%d threads=%zu\n", good_, most_threads_);
        return good_ == count_ ? 0 : 1;
    }

  private:
    asio::awaitable<void> one_after_the_other() {
        while (next_ < count_) {
            const int i = next_++;
            try {
                co_await converse(i);
            } catch (const std::exception& why) {
                std::printf("%d: %s\n", i, why.what());
            }
        }
    }

    /// Something on both wires and on stderr, a status of its own.
    asio::awaitable<void> converse(int i) {
        const std::string id = std::to_string(i);
        words argv = argv_;
        argv.push_back("echo e" + id + " >&2; cat; printf 'last" + id + "' >&2; exit " +
                       std::to_string(i % 256));
        auto command = fd2::ssh_command::from_argv(argv);
        auto child = fd2::async_spawn(io_.get_executor(), host_, command);
        std::string sent;
        while (sent.size() < 10000) sent += "line of " + id + "\n";
        co_await asio::async_write(child.in(), asio::buffer(sent), asio::use_awaitable);
        child.in().close();
        std::string got;
        error_code failed;
        co_await asio::async_read(child.out(), asio::dynamic_buffer(got),
                                  asio::redirect_error(asio::use_awaitable, failed));
        most_threads_ = std::max(most_threads_, threads());
        const auto [report, last] = co_await child.async_wait_with_stderr(asio::use_awaitable);
        const bool status = report.status == fd2::exit_status::exited(i % 256);
        const bool wire = got == sent;
        // Before its line the remote account's own start-up files may have had something to say.
        const std::size_t own = last.bytes.find("e" + id + "\n");
        const bool err =
            own != std::string::npos && last.bytes.substr(own) == "e" + id + "\nlast" + id;
        good_ += status && wire && err;
        if (!status || !wire || !err) {
            std::printf("%d: %s, wire %s, stderr \"%s\" by %s\n", i,
                        fd2::text_of(report.status).c_str(), wire ? "right" : "wrong",
                        last.bytes.c_str(), last.backend.c_str());
        }
    }

    const fd2::host& host_;
    const words& argv_;
    const int count_;
    int next_ = 0;
    int good_ = 0;
    std::size_t most_threads_ = 0;
    asio::io_context io_;
};

}  // namespace

int main(int argc, char** argv) {
    const words all(argv + 1, argv + argc);
    const auto dashes = std::find(all.begin(), all.end(), "--");
    const words command(dashes == all.end() ? dashes : dashes + 1, all.end());
    if (command.empty() || dashes - all.begin() < 2) return 125;
    try {
        if (all[0] == "relay") {
            const fd2::host host = make_host(words(all.begin() + 2, dashes));
            if (all[1] == "async") relay_async(host, command);
            relay_sync(host, command);
        }
        const fd2::host host = make_host(words(all.begin() + 3, dashes));
        return crowd(host, command, std::stoi(all[1])).run(std::stoi(all[2]));
    } catch (const std::exception& why) {
        std::fprintf(stderr, "embedder: %s\n", why.what());
        return 125;
    }
}
