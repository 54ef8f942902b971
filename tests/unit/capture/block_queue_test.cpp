// Blocks of lines in a subscriber's queue.
#include <string>

#include "capture/subscriber.hpp"
#include "support/catch.hpp"

using fd2::capture::subscriber;

namespace {

std::string line_of(std::size_t length, char of) {
    std::string out(length, of);
    out += '\n';
    return out;
}

}  // namespace

TEST_CASE("as many lines of a block go into the queue as fit, and the others are counted") {
    subscriber queue(4096);
    std::string text;
    for (int i = 0; i < 50; ++i) text += line_of(99, static_cast<char>('A' + i));
    CHECK(queue.take_block({text, 50, 1, 0}) == 10);  // 40 lines and one header are 4024 bytes
    CHECK(queue.sent() == 40);
    CHECK(queue.dropped() == 10);
    queue.chunk_done();
    // Read half: their space is free, in the middle of the block.
    for (std::uint64_t number = 1; number <= 20; ++number) {
        const auto got = queue.poll();
        REQUIRE(got);
        CHECK(got->number == number);
    }
    // 48 bytes are left before the end of the ring; what was read lies at its start.
    const std::uint64_t refused = queue.take_block({text, 50, 51, 0});
    CHECK(refused >= 50 - 20);
    CHECK(refused < 50 - 10);
    queue.chunk_done();
    std::uint64_t number = 20;
    while (const auto got = queue.poll()) {
        number = number == 40 ? 51 : number + 1;
        CHECK(got->number == number);
        CHECK(got->rest == std::string(99, static_cast<char>('A' + (number - 1) % 50)));
    }
    CHECK(number == 50 + 50 - refused);
}

TEST_CASE("space that a reader gives back within a block, of whatever size, is used") {
    for (std::size_t length = 1; length < 30; ++length) {
        INFO("lines of " << length << " bytes");
        subscriber queue(4096);
        std::string text;
        std::uint64_t count = 0;
        for (; text.size() < 5000; ++count) text += line_of(length, 'x');
        queue.take_block({text, count, 1, 0});
        queue.chunk_done();
        for (std::size_t read = 0; read < 600; read += length + 1) REQUIRE(queue.poll());
        const std::string empty_lines(4000, '\n');
        // An eighth, 512 bytes, has come back; two headers and the end of the ring go off.
        CHECK(queue.take_block({empty_lines, 4000, count + 1, 0}) <= 4000 - 400);
    }
}

TEST_CASE("a block that reaches over the end of the ring loses nothing while it fits") {
    subscriber queue(4096);
    std::uint64_t next = 1;
    std::uint64_t expected = 1;
    std::size_t wrong = 0;
    for (std::size_t round = 0; round < 5000; ++round) {
        // Up to half the ring, so that it fits wherever the ring stands.
        std::string text;
        std::uint64_t count = 0;
        while (text.size() < 400 + round % 1300) {
            text += line_of((round * 7 + count * 13) % 90, 'x');
            ++count;
        }
        REQUIRE(queue.take_block({text, count, next, 0}) == 0);
        next += count;
        queue.chunk_done();
        for (; const auto line = queue.poll(); ++expected) wrong += line->number != expected;
    }
    CHECK(wrong == 0);
    CHECK(expected == next);
    CHECK(queue.dropped() == 0);
}

TEST_CASE("a lent line keeps its text until the next poll, however full the queue") {
    subscriber queue(4096);
    const std::string mark(99, 'a');
    const std::string other(99, 'b');
    std::string many;
    for (int i = 0; i < 60; ++i) many += line_of(99, 'b');
    queue.take_block({line_of(99, 'a'), 1, 1, 0});
    queue.chunk_done();
    for (int round = 0; round < 100; ++round) {
        const auto line = queue.poll();
        REQUIRE(line);
        queue.take_block({many, 60, 2, 0});  // more than fit
        REQUIRE(line->rest == mark);
        queue.chunk_done();
        while (const auto next = queue.poll()) REQUIRE(next->rest == other);
        queue.take_block({line_of(99, 'a'), 1, 1, 0});
        queue.chunk_done();
    }
}
