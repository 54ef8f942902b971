// Many streams, many threads, one stderr.
#include <sched.h>

#include <atomic>
#include <map>
#include <thread>

#include "unit/forward/support.posix.hpp"

using namespace forward_test;

namespace {

/// A record: "<stream>:<number>\n" with filler that makes sizes differ.
std::string record(int stream, int number) {
    return std::to_string(stream) + ":" + std::to_string(number) + ":" +
           std::string(static_cast<std::size_t>((number * 37 + stream) % 90), 'x') + "\n";
}

/// Passes from 0 to 15 µs, differently each time, to hit another thread's write at every stage.
void spin(int n) {
    const nanoseconds_t until = now() + (n * 7919) % 15000;
    while (now() < until) {
    }
}

}  // namespace

TEST_CASE("each stream's bytes keep their order, chunks of different streams never mix") {
    const ends p = make_pipe();
    const flags_stay same(p.ours.get());
    const blocked_policy how = GENERATE(blocked_policy::automatic, blocked_policy::wait);
    constexpr int streams = 6;
    constexpr int records = 3000;
    forwarder f(p.ours.get(), with(how, 128 * 1024, hang));
    std::string got;
    std::atomic<bool> done{false};
    std::thread reader([&] {
        while (!done.load()) {
            pollfd one{p.theirs.get(), POLLIN, 0};
            poll(&one, 1, 20);
            got += read_now(p.theirs.get(), 7000);
        }
        got += read_now(p.theirs.get());
    });
    std::vector<std::thread> drains;
    std::atomic<int> wrong{0};
    for (int i = 0; i < streams; ++i) {
        drains.emplace_back([&, i] {
            const pipe_signal_blocked here;
            calls r;
            int pauses = 0;
            const auto s = f.open(r.call());
            for (int n = 0; n < records; ++n) {
                const flow said = give(*s, record(i, n));
                if (!adds_up(*s)) ++wrong;
                if (said == flow::pause && !r.wait(++pauses)) ++wrong;
            }
            s->finishing();
            if (!s->flush(now() + hang)) ++wrong;
            if (r.count() != pauses) ++wrong;
        });
    }
    std::thread speaker([&] {
        for (int n = 0; n < records; ++n) f.note(record(streams, 0));
    });
    for (auto& d : drains) d.join();
    speaker.join();
    CHECK(f.flush(now() + hang));
    done.store(true);
    reader.join();
    CHECK(wrong.load() == 0);
    std::map<int, int> next;
    std::size_t bad = 0;
    for (std::size_t at = 0; at < got.size();) {
        const std::size_t end = got.find('\n', at);
        REQUIRE(end != std::string::npos);
        const std::string line = got.substr(at, end - at + 1);
        at = end + 1;
        const int stream = std::atoi(line.c_str());
        if (stream == streams) {
            if (line != record(streams, 0)) ++bad;
        } else if (line != record(stream, next[stream]++)) {
            ++bad;
        }
    }
    CHECK(bad == 0);
    for (int i = 0; i < streams; ++i) CHECK(next[i] == records);
}

TEST_CASE("streams come, pause, are abandoned and go, from many threads at once") {
    const ends p = make_pipe();
    const blocked_policy how =
        GENERATE(blocked_policy::automatic, blocked_policy::wait, blocked_policy::drop);
    std::atomic<int> wrong{0};
    std::atomic<bool> done{false};
    std::thread reader([&] {
        while (!done.load()) {
            pollfd one{p.theirs.get(), POLLIN, 0};
            poll(&one, 1, 5);
            read_now(p.theirs.get(), 2000);
        }
    });
    {
        forwarder f(p.ours.get(), with(how, 128 * 1024, millisecond));
        std::vector<std::thread> drains;
        for (int i = 0; i < 4; ++i) {
            drains.emplace_back([&, i] {
                const pipe_signal_blocked here;
                for (int n = 0; n < 40; ++n) {
                    const auto s = f.open([] {});
                    std::thread other([&] {
                        if (n % 3 == 0) s->abandon();
                        if (n % 3 == 1) s->finishing();
                        if (n % 3 == 2) s->flush(now() + millisecond);
                        if (!adds_up(*s)) ++wrong;
                    });
                    for (int k = 0; k < 20; ++k) {
                        give(*s, pattern(static_cast<std::size_t>(100 + k * 300 + i)));
                        if (!adds_up(*s)) ++wrong;
                    }
                    other.join();
                    if (n % 2 == 0) s->flush(now() + 2 * millisecond);
                }
            });
        }
        for (auto& d : drains) d.join();
    }
    done.store(true);
    reader.join();
    CHECK(wrong.load() == 0);
}

TEST_CASE("a chunk that is written in part is completed before anybody else's comes") {
    const ends p = make_pipe();
    // A large pipe and chunk make the first write long enough for somebody to speak meanwhile.
    const std::size_t size = std::size_t{1} << 20;
    REQUIRE(fcntl(p.ours.get(), F_SETPIPE_SZ, static_cast<int>(size)) > 0);
    forwarder f(p.ours.get(), {});
    const auto s = f.open({});
    const std::string before(size / 4, '.');  // leaves the pipe space for a part only
    const std::string chunk(size, 'a');
    constexpr int rounds = 100;
    std::atomic<int> round{0};
    std::atomic<int> spoken{0};
    std::thread speaker([&] {
        for (int n = 1; n <= rounds; ++n) {
            while (round.load() != n) sched_yield();
            spin(n);
            f.note("note\n");
            spoken.store(n);
        }
    });
    int cut = 0;
    for (int n = 1; n <= rounds; ++n) {
        if (write(p.ours.get(), before.data(), before.size()) !=
            static_cast<ssize_t>(before.size()))
            ++cut;
        round.store(n);
        give(*s, chunk);
        while (spoken.load() != n) sched_yield();
        const std::string got = read_exactly(p.theirs.get(), before.size() + size + 5);
        if (got != before + chunk + "note\n" && got != before + "note\n" + chunk) ++cut;
    }
    speaker.join();
    CHECK(cut == 0);
    CHECK(s->counts().forwarded == rounds * chunk.size());
}

TEST_CASE("abandoning while a chunk is being written counts every byte once") {
    const ends p = make_pipe();
    forwarder f(p.ours.get(), with(blocked_policy::automatic, 1 << 20, hang));
    const std::string chunk = pattern(60000);
    int wrong = 0;
    for (int n = 0; n < 300; ++n) {
        read_now(p.theirs.get());
        const auto s = f.open({});
        std::atomic<bool> ready{false};
        std::atomic<bool> go{false};
        std::thread other([&] {
            ready.store(true);
            while (!go.load()) sched_yield();
            spin(n);
            s->abandon();
        });
        while (!ready.load()) sched_yield();
        go.store(true);
        give(*s, chunk);
        other.join();
        const counters c = s->counts();
        if (!adds_up(*s) || c.queued != 0 || c.offered != chunk.size()) ++wrong;
    }
    CHECK(wrong == 0);
}

TEST_CASE("a stream may be destroyed from within its own callback") {
    const ends p = make_pipe();
    fill(p.ours.get());
    forwarder f(p.ours.get(), with(blocked_policy::wait, 1000, hang));
    calls r;
    std::unique_ptr<stream> s;
    s = f.open([&, told = r.call()] {
        s.reset();
        told();
    });
    REQUIRE(give(*s, "x") == flow::pause);
    read_now(p.theirs.get());
    CHECK(r.wait(1));
}

TEST_CASE("destroying a stream waits for its callback that is running") {
    const ends p = make_pipe();
    fill(p.ours.get());
    forwarder f(p.ours.get(), with(blocked_policy::wait, 1000, hang));
    calls inside;
    std::atomic<bool> destroyed{false};
    std::atomic<bool> early{false};
    auto s = f.open([&, told = inside.call()] {
        told();
        poll(nullptr, 0, 50);  // gives a destructor that does not wait the time to show it
        early.store(destroyed.load());
        told();
    });
    REQUIRE(give(*s, "x") == flow::pause);
    read_now(p.theirs.get());
    REQUIRE(inside.wait(1));
    s.reset();
    destroyed.store(true);
    REQUIRE(inside.wait(2));
    CHECK_FALSE(early.load());
}

TEST_CASE("a patient stream needs no thread as long as the reader keeps up") {
    const ends pipe = make_pipe();
    options chosen;
    chosen.patience = hang;
    forwarder out(pipe.ours.get(), chosen);
    const auto stream = out.open({});
    constexpr std::size_t total = std::size_t{16} << 20;
    std::uint64_t read = 0;
    std::thread reader([&] {
        std::vector<char> taken(max_chunk);
        while (read < total) {
            pollfd ready{pipe.theirs.get(), POLLIN, 0};
            ::poll(&ready, 1, -1);
            const ssize_t got = ::read(pipe.theirs.get(), taken.data(), taken.size());
            if (got > 0) read += static_cast<std::uint64_t>(got);
        }
    });
    const std::vector<std::uint8_t> chunk(max_chunk, 'x');
    for (std::size_t sent = 0; sent < total; sent += chunk.size()) {
        CHECK(stream->offer(chunk.data(), chunk.size()) == flow::more);
        CHECK(stream->counts().queued == 0);
    }
    reader.join();
    CHECK(stream->counts().forwarded == total);
}
