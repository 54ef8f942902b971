// How long the beginning of a channel takes, and its end while it is idle and somebody still holds
// the child's end.
//
//   close_cost --backends=DIR --rounds=N [--samples=50] -- BACKEND...
//
// The beginning: from the name of the backend, loaded already, to the child's end in hand. Beside
// ours, for the end: the implementation that fd2's design started from, as its behaviour is known
// (the socket is shut down, then the thread is asked every millisecond whether it has ended), and a
// bare thread that is joined, which is the limit for anything that has a thread to join. One JSON
// object: {"way": {"open": [median nanoseconds, an element a round], "close": [...]}}; "open" is
// empty for what is not ours. A backend that cannot be used is left out.

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
#include "channel/loader.hpp"
#include "channel/selection.hpp"
#include "support/arguments.hpp"
#include "support/backend.hpp"
#include "support/process.hpp"

namespace {

using namespace fd2;

struct figures {
    nanoseconds_t open = 0;
    nanoseconds_t close = 0;
};

/// Opens, lets the drain go to sleep, closes.
using way = std::function<figures()>;

void pause(nanoseconds_t length) {
    const timespec wait{0, static_cast<long>(length)};
    ::nanosleep(&wait, nullptr);  // cut short by a signal: nothing depends on it
}

/// Long enough for a thread to fall asleep in its read.
constexpr nanoseconds_t settle = 500 * microsecond;

class our_way {
  public:
    our_way(channel::backend_pool& pool, std::string_view name)
        : pool_(&pool), with_(bench::backend_name(name).as_settings()) {
        want_.backends = {bench::backend_name(name).id};
        want_.inherit = false;
    }

    bool usable() const { return static_cast<bool>(pool_->get(want_.backends.front())); }

    figures operator()() const {
        figures out;
        nanoseconds_t start = now();
        auto chosen = channel::open_channel(*pool_, with_, want_, {});
        if (!chosen) {
            std::fprintf(stderr, "close_cost: %s\n", chosen.error().message.c_str());
            std::exit(3);
        }
        auto held = chosen->opened->take_child_end();
        if (!held) bench::die("take_child_end");
        out.open = now() - start;
        pause(settle);
        start = now();
        chosen->opened->child_exited();
        chosen->opened->finish(channel::finish_mode::drain);
        if (!chosen->opened->join_and_close(never)) bench::die("join");
        chosen->opened.reset();
        out.close = now() - start;
        return out;
    }

  private:
    channel::backend_pool* pool_;
    settings::settings with_;
    channel::open_request want_;
};

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

figures close_as_reference() {
    socket_drain drain;
    pause(settle);
    const nanoseconds_t start = now();
    ::shutdown(drain.parent.get(), SHUT_RDWR);
    while (!drain.finished) pause(1 * millisecond);
    drain.thread.join();
    drain.parent.reset();
    return {0, now() - start};
}

figures close_bare() {
    socket_drain drain;
    pause(settle);
    const nanoseconds_t start = now();
    ::shutdown(drain.parent.get(), SHUT_RDWR);
    drain.thread.join();
    drain.parent.reset();
    return {0, now() - start};
}

nanoseconds_t median_of(std::vector<nanoseconds_t> all) {
    const auto middle = all.begin() + static_cast<std::ptrdiff_t>(all.size() / 2);
    std::nth_element(all.begin(), middle, all.end());
    return *middle;
}

figures medians_of(const way& how, long samples) {
    std::vector<nanoseconds_t> opens;
    std::vector<nanoseconds_t> closes;
    for (long i = 0; i < samples; ++i) {
        const figures one = how();
        opens.push_back(one.open);
        closes.push_back(one.close);
    }
    return {median_of(std::move(opens)), median_of(std::move(closes))};
}

void print(const char* name, const std::vector<figures>& all, nanoseconds_t figures::*member) {
    std::printf("\"%s\":[", name);
    const char* separator = "";
    for (const figures& one : all) {
        if (one.*member == 0) continue;
        std::printf("%s%lld", separator, static_cast<long long>(one.*member));
        separator = ",";
    }
    std::printf("]");
}

}  // namespace

int main(int argc, char** argv) {
    const bench::arguments given(argc, argv);
    channel::loader plugins(
        {{std::string(given.word("backends", "")), channel::trust_source::caller}});
    channel::backend_pool pool(plugins, nullptr);
    std::map<std::string, way> ways{
        {"reference", close_as_reference},
        {"a thread, joined", close_bare},
    };
    for (char** name = given.command(); *name != nullptr; ++name) {
        if (our_way ours(pool, *name); ours.usable()) ways[*name] = std::move(ours);
    }
    const long rounds = given.number("rounds", 7);
    const long samples = std::max(1L, given.number("samples", 50));
    std::map<std::string, std::vector<figures>> seen;
    for (long round = 0; round < rounds; ++round) {
        for (const auto& [name, how] : ways) seen[name].push_back(medians_of(how, samples));
    }
    const char* separator = "{";
    for (const auto& [name, all] : seen) {
        std::printf("%s\"%s\":{", separator, name.c_str());
        print("open", all, &figures::open);
        std::printf(",");
        print("close", all, &figures::close);
        std::printf("}");
        separator = ",";
    }
    std::printf("}\n");
}
