#include "capture/subscriber.hpp"

#include <atomic>
#include <deque>
#include <random>
#include <string>
#include <thread>

#include "support/catch.hpp"
#include "support/hang.hpp"

using fd2::line_view;
using fd2::capture::subscriber;
using fd2::test::hang;

namespace {

fd2::nanoseconds_t soon_enough() {
    return fd2::after(fd2::now(), hang);
}

line_view view(const std::string& head, const std::string& rest, std::uint64_t number) {
    line_view out;
    out.head = head;
    out.rest = rest;
    out.number = number;
    out.time = static_cast<std::int64_t>(number * 3);
    out.piece = static_cast<fd2::line_piece>(number % 4);
    out.unterminated = number % 5 == 0;
    return out;
}

std::string text_of(std::uint64_t number) {
    // Cheap, for it is made often: the number decides the length and, spread out, every byte.
    const std::uint64_t mixed = number * 0x9e3779b97f4a7c15u;
    std::string text((mixed >> 40) % ((mixed >> 20) % 50 == 0 ? 1500 : 120), '\0');
    for (std::size_t i = 0; i < text.size(); ++i) {
        text[i] = static_cast<char>((mixed >> (i % 56)) + i);
    }
    return text;
}

bool is_right(const line_view& got) {
    return got.head.empty() && got.rest == text_of(got.number) &&
           got.time == static_cast<std::int64_t>(got.number * 3) &&
           got.piece == static_cast<fd2::line_piece>(got.number % 4) &&
           got.unterminated == (got.number % 5 == 0);
}

bool offer(subscriber& to, std::uint64_t number) {
    const std::string text = text_of(number);
    const std::size_t cut = text.size() / 3;
    return to.try_take(view(text.substr(0, cut), text.substr(cut), number));
}

}  // namespace

TEST_CASE("a queue gives back, in order and whole, every line it took") {
    const std::size_t capacity =
        GENERATE(std::size_t{0}, std::size_t{4096}, std::size_t{5001}, std::size_t{32768});
    INFO("capacity " << capacity);
    std::mt19937_64 random(capacity + 1);
    subscriber queue(capacity);
    std::deque<std::uint64_t> taken;
    std::deque<std::uint64_t> published;
    std::uint64_t sent = 0;
    std::uint64_t dropped = 0;
    for (std::uint64_t number = 1; number <= 60000;) {
        if (random() % 2 == 0) {
            for (std::uint64_t burst = random() % 40; burst != 0; --burst, ++number) {
                if (offer(queue, number)) {
                    taken.push_back(number);
                    ++sent;
                } else {
                    ++dropped;
                }
            }
            REQUIRE(queue.chunk_done() == fd2::flow::more);
            published.insert(published.end(), taken.begin(), taken.end());
            taken.clear();
        } else {
            for (std::uint64_t burst = random() % 60; burst != 0; --burst) {
                const auto got = queue.poll();
                REQUIRE(got.has_value() == !published.empty());
                if (!got) break;
                REQUIRE(got->number == published.front());
                REQUIRE(is_right(*got));
                published.pop_front();
            }
        }
        REQUIRE(queue.sent() == sent);
        REQUIRE(queue.dropped() == dropped);
    }
    CHECK(dropped != 0);
    queue.ended();
    CHECK(queue.finished() == published.empty());
    while (const auto got = queue.poll()) published.pop_front();
    CHECK(published.empty());
    CHECK(queue.finished());
}

TEST_CASE("lines of a chunk appear together, when the chunk is done") {
    subscriber queue(4096);
    CHECK(offer(queue, 1));
    CHECK_FALSE(queue.poll());
    CHECK(queue.chunk_done() == fd2::flow::more);
    CHECK(queue.poll());
    CHECK(offer(queue, 2));
    queue.ended();  // the last line's chunk is never "done"
    CHECK_FALSE(queue.finished());
    CHECK(queue.poll());
    CHECK(queue.finished());
}

TEST_CASE("a full queue drops the new line, keeps the old ones, and recovers as it is read") {
    subscriber queue(4096);
    const std::string text(100, 'x');
    std::uint64_t number = 0;
    while (queue.try_take(view(text, "", ++number))) REQUIRE(number < 1000);
    CHECK(queue.dropped() == 1);
    CHECK(queue.sent() == number - 1);
    CHECK(number - 1 >= 4096 / (100 + 32));
    queue.chunk_done();
    CHECK(queue.poll()->number == 1);
    // Room comes back in steps, of an eighth at most.
    for (std::uint64_t read = 2; read <= 5; ++read) CHECK(queue.poll()->number == read);
    CHECK(queue.try_take(view(text, "", 1000)));
    const std::string too_long(5000, 'x');
    CHECK_FALSE(queue.try_take(view(too_long, "", 1001)));
    queue.chunk_done();
    std::uint64_t last = 0;
    while (const auto got = queue.poll()) last = got->number;
    CHECK(last == 1000);
}

TEST_CASE("a wait ends at a line, at the end, and at its deadline") {
    subscriber queue(4096);
    CHECK_FALSE(queue.wait(fd2::now()));
    CHECK_FALSE(queue.wait(0));
    const auto started = fd2::now();
    CHECK_FALSE(queue.wait(started + 5 * fd2::millisecond));
    CHECK(fd2::now() >= started + 5 * fd2::millisecond);
    offer(queue, 1);
    queue.chunk_done();
    CHECK(queue.wait(0)->number == 1);  // a deadline in the past still takes what is there
    offer(queue, 2);
    queue.ended();
    CHECK(queue.wait(fd2::never)->number == 2);
    CHECK_FALSE(queue.wait(fd2::never));
    CHECK(queue.finished());
}

TEST_CASE("with a real consumer, sent and dropped are what was produced") {
    subscriber queue(8192);
    std::uint64_t received = 0;
    std::uint64_t wrong = 0;
    std::uint64_t last = 0;
    std::thread consumer([&] {
        while (!queue.finished()) {
            const auto got = queue.wait(soon_enough());
            if (!got) continue;
            ++received;
            wrong += got->number <= last || !is_right(*got);
            last = got->number;
        }
    });
    constexpr std::uint64_t produced = 60000;
    std::mt19937_64 random(3);
    for (std::uint64_t number = 1; number <= produced;) {
        for (std::uint64_t burst = 1 + random() % 30; burst != 0 && number <= produced; --burst) {
            offer(queue, number++);
        }
        queue.chunk_done();
        if (random() % 64 == 0) std::this_thread::yield();
    }
    queue.ended();
    consumer.join();
    CHECK(wrong == 0);
    CHECK(received == queue.sent());
    CHECK(queue.sent() + queue.dropped() == produced);
    CHECK(queue.sent() > 0);
}

TEST_CASE("no wake-up is lost over a hundred thousand rounds") {
    subscriber there(4096);
    subscriber back(4096);
    constexpr std::uint64_t rounds = 100000;
    std::atomic<bool> echo_failed{false};
    std::thread echo([&] {
        for (std::uint64_t i = 1; i <= rounds; ++i) {
            const auto got = there.wait(soon_enough());
            if (!got || got->number != i) {
                echo_failed = true;
                break;
            }
            back.try_take(view("", "", i));
            back.chunk_done();
        }
        back.ended();
    });
    // Ping-pong: each side goes to sleep just when the other one is about to write.
    bool failed = false;
    for (std::uint64_t i = 1; i <= rounds && !failed; ++i) {
        there.try_take(view("", "", i));
        there.chunk_done();
        const auto got = back.wait(soon_enough());
        failed = !got || got->number != i;
    }
    echo.join();
    CHECK_FALSE(failed);
    CHECK_FALSE(echo_failed);
}
