// Many streams, many threads, one stderr.
#include <atomic>
#include <map>
#include <thread>

#include "unit/forward/support.hpp"

using namespace forward_test;

namespace {

/// A record: "<stream>:<number>\n" with filler that makes sizes differ.
std::string record(int stream, int number) {
    return std::to_string(stream) + ":" + std::to_string(number) + ":" +
           std::string(static_cast<std::size_t>((number * 37 + stream) % 90), 'x') + "\n";
}

}  // namespace

TEST_CASE("each stream's bytes keep their order, chunks of different streams never mix") {
    const ends p = make_pipe();
    const flags_stay same(p.ours.get());
    const when_blocked how = GENERATE(when_blocked::automatic, when_blocked::wait);
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
            rooms r;
            int pauses = 0;
            const auto s = f.open(r.call());
            for (int n = 0; n < records; ++n) {
                const verdict said = give(*s, record(i, n));
                if (!adds_up(*s)) ++wrong;
                if (said == verdict::full && !r.wait(++pauses)) ++wrong;
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
    const when_blocked how =
        GENERATE(when_blocked::automatic, when_blocked::wait, when_blocked::drop);
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

TEST_CASE("a stream may be destroyed from within its own callback") {
    const ends p = make_pipe();
    fill(p.ours.get());
    forwarder f(p.ours.get(), with(when_blocked::wait, 1000, hang));
    rooms r;
    std::unique_ptr<stream> s;
    s = f.open([&, told = r.call()] {
        s.reset();
        told();
    });
    REQUIRE(give(*s, "x") == verdict::full);
    read_now(p.theirs.get());
    CHECK(r.wait(1));
}

TEST_CASE("destroying a stream waits for its callback that is running") {
    const ends p = make_pipe();
    fill(p.ours.get());
    forwarder f(p.ours.get(), with(when_blocked::wait, 1000, hang));
    rooms inside;
    std::atomic<bool> destroyed{false};
    std::atomic<bool> early{false};
    auto s = f.open([&, told = inside.call()] {
        told();
        poll(nullptr, 0, 50);  // gives a destructor that does not wait the time to show it
        early.store(destroyed.load());
    });
    REQUIRE(give(*s, "x") == verdict::full);
    read_now(p.theirs.get());
    REQUIRE(inside.wait(1));
    s.reset();
    destroyed.store(true);
    CHECK_FALSE(early.load());
}
