// Many channels in one process, their children's ends in another.
//
//   many --by=WAY --count=N --writer=FILE [--backends=DIR] [--depth=sink|capture|host]
//        [--idle-ms=N] [--rounds=N] [--cpu=N] [--writer-cpu=N]
//
// WAY is a backend ("pipe", "tokio-like-async/tcp"), or a peer: "epoll/socketpair", "epoll/pipe",
// "epoll/tcp", "libuv/socketpair", "libuv/pipe". --rounds: so many lines a channel, one each 100
// ms.
//
// On stdout, one JSON object; {"refused": "why"} where there cannot be so many channels. "idle" is
// measured before the first line, "after" behind the last.

#include <malloc.h>
#include <sys/resource.h>
#include <time.h>

#include <cinttypes>
#include <cstring>

#include "many/own_process.hpp"
#include "many/receiver.hpp"
#include "many/writer_process.hpp"
#include "support/arguments.hpp"
#include "support/process.hpp"

namespace {

using namespace fd2;
using namespace fd2::bench;

constexpr nanoseconds_t interval = 100 * millisecond;

/// Long enough for every thread to have fallen asleep.
constexpr nanoseconds_t rest = 100 * millisecond;

void pause(nanoseconds_t length) {
    const timespec wait{static_cast<time_t>(length / second), static_cast<long>(length % second)};
    ::nanosleep(&wait, nullptr);  // cut short by a signal: nothing depends on it
}

std::unique_ptr<receiver> make(const arguments& given) {
    const std::string_view by = given.word("by", "");
    if (by.starts_with("epoll/")) return epoll_receiver(by.substr(6));
    if (by.starts_with("libuv/")) {
#ifdef FD2_BENCH_LIBUV
        return uv_receiver(by.substr(6));
#else
        throw refused("built without libuv");
#endif
    }
    const std::string_view asked = given.word("depth", "sink");
    const depth how_deep = asked == "host"      ? depth::host
                           : asked == "capture" ? depth::capture
                                                : depth::sink;
    return backend_receiver(given.word("backends", ""), by, how_deep);
}

/// What each channel costs since `before`.
class memory {
  public:
    void print(const char* name, double channels) const {
        const auto now_private = static_cast<double>(private_memory());
        const auto now_malloc = static_cast<double>(::mallinfo2().uordblks);
        std::printf(",\"%s_bytes\":%.1f,\"%s_malloc_bytes\":%.1f", name,
                    (now_private - private_) / channels, name, (now_malloc - malloc_) / channels);
    }

  private:
    double private_ = static_cast<double>(private_memory());
    double malloc_ = static_cast<double>(::mallinfo2().uordblks);
};

void measure_idle(long milliseconds) {
    const std::uint64_t before = sleeps_of_others();
    const nanoseconds_t start = now();
    pause(milliseconds * millisecond);
    const double seconds = static_cast<double>(now() - start) / 1e9;
    std::printf(",\"idle_wakeups_per_second\":%.2f",
                static_cast<double>(sleeps_of_others() - before) / seconds);
}

void measure_lines(writer_process& writer, delays& seen, long rounds) {
    const std::int64_t before = cpu_time();
    writer.write_lines(rounds, interval);
    const written done = writer.wait();
    seen.wait();
    const std::int64_t used = cpu_time() - before;
    std::printf(",\"lines\":%" PRId64 ",\"seconds\":%.4f,\"cpu_us_per_line\":%.4f", done.lines,
                static_cast<double>(done.nanoseconds) / 1e9,
                static_cast<double>(used) / 1e3 / static_cast<double>(done.lines));
    std::printf(",\"p50_us\":%.2f,\"p99_us\":%.2f", static_cast<double>(seen.percentile(0.5)) / 1e3,
                static_cast<double>(seen.percentile(0.99)) / 1e3);
}

void measure(const arguments& given) {
    const auto count = static_cast<std::size_t>(given.number("count", 1000));
    const auto channels = static_cast<double>(count);
    const long rounds = given.number("rounds", 0);
    const std::string program(given.word("writer", ""));

    writer_process writer(program.c_str(), given.number("writer-cpu", -1));
    pin(given.number("cpu", -1));
    delays seen(count * static_cast<std::size_t>(std::max(rounds, 1L)));
    std::vector<meter> meters(count, meter(seen));
    const auto by = make(given);
    by->prepare(count);

    const memory before;
    const nanoseconds_t start = now();
    by->open(meters, [&](unique_fd end) { writer.give(std::move(end)); });
    writer.flush();
    const auto taken = static_cast<double>(now() - start);
    pause(rest);
    std::printf("{\"channels\":%zu,\"open_us\":%.2f,\"threads\":%zu", count, taken / 1e3 / channels,
                other_threads());
    before.print("idle", channels);
    if (const long idle = given.number("idle-ms", 0); idle > 0) measure_idle(idle);
    if (rounds > 0) {
        // The first lines are dear: memory is met for the first time.
        seen.expect(count);
        writer.write_lines(1, interval);
        (void)writer.wait();
        seen.wait();
        seen.expect(count * static_cast<std::size_t>(rounds));
        measure_lines(writer, seen, rounds);
        before.print("after", channels);
    }
    by->close();
    std::printf("}\n");
}

}  // namespace

int main(int argc, char** argv) {
    rlimit files{};
    if (::getrlimit(RLIMIT_NOFILE, &files) != 0) die("getrlimit");
    files.rlim_cur = files.rlim_max;
    if (::setrlimit(RLIMIT_NOFILE, &files) != 0) die("setrlimit");
    try {
        measure(arguments(argc, argv));
    } catch (const refused& why) {
        std::string text = why.what();
        std::erase_if(text, [](char c) { return c == '"' || c == '\\'; });
        std::printf("{\"refused\":\"%s\"}\n", text.c_str());
    }
}
