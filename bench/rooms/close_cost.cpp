// How long the end of an idle channel takes while somebody still holds the child's end.
//
//   close_cost --backends=DIR --rounds=N [--samples=50]
//
// Beside ours: the implementation that fd2's design started from, as its behaviour is known (the
// socket is shut down, then the thread is asked every millisecond whether it has ended), and a bare
// thread that is joined, which is the limit for anything that has a thread to join. One JSON
// object: {"way": [median nanoseconds, an element a round]}.

#include <sys/socket.h>
#include <time.h>

#include <algorithm>
#include <atomic>
#include <functional>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.hpp"
#include "base/unique_fd.hpp"
#include "channel/selection.hpp"
#include "loader/loader.hpp"
#include "support/arguments.hpp"
#include "support/process.hpp"

namespace {

using namespace fd2;

/// Opens, lets the drain go to sleep, closes; how long the close took.
using way = std::function<nanoseconds_t()>;

void pause(nanoseconds_t length) {
    const timespec wait{0, static_cast<long>(length)};
    ::nanosleep(&wait, nullptr);  // cut short by a signal: nothing depends on it
}

/// Long enough for a thread to fall asleep in its read.
constexpr nanoseconds_t settle = 500 * microsecond;

nanoseconds_t close_ours(channel::backend_pool& pool) {
    channel::wish want;
    want.backends = {"pipe"};
    want.inherit = false;
    const settings::settings with;
    auto chosen = channel::open_channel(pool, with, want, {});
    if (!chosen) {
        std::fprintf(stderr, "close_cost: %s\n", chosen.error().message.c_str());
        std::exit(3);
    }
    auto held = chosen->opened->take_child_end();
    if (!held) bench::die("take_child_end");
    pause(settle);
    const nanoseconds_t start = now();
    chosen->opened->child_exited();
    chosen->opened->finish(FD2_FINISH_DRAIN);
    if (!chosen->opened->join(never)) bench::die("join");
    chosen->opened.reset();
    return now() - start;
}

struct socket_drain {
    unique_fd parent;
    unique_fd child;
    std::atomic<bool> finished{false};
    std::thread thread;

    socket_drain() {
        int ends[2];
        if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
            bench::die("socketpair");
        parent.reset(ends[0]);
        child.reset(ends[1]);
        thread = std::thread([this] {
            char chunk[8192];
            while (bench::read_some(parent.get(), chunk, sizeof(chunk)) > 0) {
            }
            finished = true;
        });
    }
};

nanoseconds_t close_as_reference() {
    socket_drain drain;
    pause(settle);
    const nanoseconds_t start = now();
    ::shutdown(drain.parent.get(), SHUT_RDWR);
    while (!drain.finished) pause(1 * millisecond);
    drain.thread.join();
    drain.parent.reset();
    return now() - start;
}

nanoseconds_t close_bare() {
    socket_drain drain;
    pause(settle);
    const nanoseconds_t start = now();
    ::shutdown(drain.parent.get(), SHUT_RDWR);
    drain.thread.join();
    drain.parent.reset();
    return now() - start;
}

nanoseconds_t median_of(const way& how, long samples) {
    std::vector<nanoseconds_t> all;
    for (long i = 0; i < samples; ++i) all.push_back(how());
    const auto middle = all.begin() + samples / 2;
    std::nth_element(all.begin(), middle, all.end());
    return *middle;
}

}  // namespace

int main(int argc, char** argv) {
    const bench::arguments given(argc, argv);
    loader::loader plugins({{std::string(given.word("backends", "")), loader::trust::callers}});
    channel::backend_pool pool(plugins, nullptr);
    const std::map<std::string, way> ways{
        {"fd2", [&] { return close_ours(pool); }},
        {"reference", close_as_reference},
        {"a thread, joined", close_bare},
    };
    const long rounds = given.number("rounds", 7);
    const long samples = std::max(1L, given.number("samples", 50));
    std::map<std::string, std::vector<nanoseconds_t>> seen;
    for (long round = 0; round < rounds; ++round) {
        for (const auto& [name, how] : ways) seen[name].push_back(median_of(how, samples));
    }
    const char* separator = "{";
    for (const auto& [name, all] : seen) {
        std::printf("%s\"%s\":", separator, name.c_str());
        const char* inner = "[";
        for (const auto ns : all) {
            std::printf("%s%lld", inner, static_cast<long long>(ns));
            inner = ",";
        }
        std::printf("]");
        separator = ",";
    }
    std::printf("}\n");
}
