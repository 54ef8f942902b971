// Lines that go from the drain to a subscriber by blocks, against the plain definition of lines.
#include <algorithm>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "capture/capture.hpp"
#include "capture/lines.hpp"
#include "capture/subscriber.hpp"
#include "line_model.hpp"
#include "support/catch.hpp"
#include "support/hang.hpp"

using fd2::end_kind;
using fd2::line_view;
using fd2::capture::line_block;
using fd2::capture::line_consumer;
using fd2::capture::line_splitter;
using fd2::capture::subscriber;
using fd2::test::lines_of;
using fd2::test::model_line;
using record = fd2::capture::capture;
using fd2::test::hang;

namespace {

void append(record& to, const std::string& text) {
    to.append(reinterpret_cast<const std::uint8_t*>(text.data()), text.size());
}

model_line plain(const line_view& line) {
    return {std::string(line.head) + std::string(line.rest), line.number, line.piece,
            line.unterminated};
}

/// Most lines short, some empty, some about as long as `max_line`, some as long as the queue.
std::string random_stream(std::mt19937_64& random, std::size_t size, std::size_t max_line,
                          std::size_t capacity) {
    std::string stream;
    while (stream.size() < size) {
        std::size_t length = random() % 60;
        if (random() % 20 == 0) length = max_line - std::min<std::size_t>(max_line, 3);
        if (random() % 20 == 0) length += random() % 7;
        if (random() % 200 == 0) length = capacity - 60 + random() % 100;
        stream.append(length, static_cast<char>('a' + stream.size() % 26));
        stream += '\n';
        while (random() % 8 == 0) stream += '\n';
    }
    if (random() % 2 == 0) stream += "no newline";
    return stream;
}

std::size_t random_chunk(std::mt19937_64& random) {
    return 1 + random() % (random() % 3 == 0 ? 6000 : 300);
}

/// Everything by blocks, as it comes.
struct collecting final : line_consumer {
    std::vector<model_line> lines;
    std::vector<std::uint64_t> blocks;  // how many lines each had
    bool try_take(const line_view& line) noexcept override {
        lines.push_back(plain(line));
        return true;
    }
    std::uint64_t take_block(const line_block& block) noexcept override {
        blocks.push_back(block.count);
        return line_consumer::take_block(block);
    }
    fd2::flow chunk_done() noexcept override { return fd2::flow::more; }
    void ended() noexcept override {}
};

}  // namespace

TEST_CASE("what a queue by blocks delivers are the stream's lines, less those it counts dropped") {
    const std::size_t max_line = GENERATE(std::size_t{1}, std::size_t{40}, std::size_t{61},
                                          std::size_t{300}, std::size_t{16384});
    const std::size_t capacity =
        GENERATE(std::size_t{4096}, std::size_t{5000}, std::size_t{262144});
    const std::uint64_t patience = GENERATE(std::uint64_t{1}, std::uint64_t{4}, std::uint64_t{40});
    INFO("max-line " << max_line << ", capacity " << capacity << ", reads 1 in " << patience);
    std::mt19937_64 random(max_line * 1000 + capacity + patience);
    const std::string stream = random_stream(random, 300000, max_line, capacity);
    const auto want = lines_of(stream, max_line);

    record capture({100, max_line});
    auto queue = std::make_shared<subscriber>(capacity);
    capture.add(queue);
    std::vector<model_line> have;
    const auto read_some = [&](std::uint64_t most) {
        for (; most != 0; --most) {
            const auto line = queue->poll();
            if (!line) break;
            have.push_back(plain(*line));
        }
    };
    for (std::size_t at = 0; at < stream.size();) {
        const std::string chunk = stream.substr(at, random_chunk(random));
        append(capture, chunk);
        at += chunk.size();
        const bool all = patience == 1 || random() % 3 == 0;
        if (random() % patience == 0) read_some(all ? UINT64_MAX : random() % 100);
    }
    capture.finish(end_kind::eof, 0);
    read_some(UINT64_MAX);

    CHECK(queue->finished());
    CHECK(have.size() == queue->sent());
    CHECK(queue->sent() + queue->dropped() == want.size());
    CHECK(capture.take_snapshot().lines_dropped == queue->dropped());
    // What arrived, in order and unchanged, is a part of what there was.
    auto next = want.begin();
    for (const auto& line : have) {
        next = std::find(next, want.end(), line);
        if (next == want.end()) FAIL(line << " is not a line of the stream, or comes too late");
        ++next;
    }
    // A chunk at a time always fits into the large one, whatever it consists of.
    if (capacity > 200000 && patience == 1) CHECK(queue->dropped() == 0);
    if (capacity < 8192 && patience == 40) CHECK(queue->dropped() > 0);
}

TEST_CASE("blocks hold every whole line but the one that an earlier chunk began") {
    record capture({100, 10});
    auto all = std::make_shared<collecting>();
    capture.add(all);
    append(capture, "one\ntwo\nth");
    CHECK(all->blocks == std::vector<std::uint64_t>{2});
    append(capture, "ree\nfour\n\nsix\nse");
    CHECK(all->blocks == std::vector<std::uint64_t>{2, 3});
    append(capture, "ven");
    append(capture, "\n");
    CHECK(all->blocks.size() == 2);
    append(capture, "1234567890\n12345678901\nx\ny\n");  // the limit, and one byte more
    CHECK(all->blocks == std::vector<std::uint64_t>{2, 3, 1, 2});
    capture.finish(end_kind::eof, 0);
    CHECK(all->lines == lines_of("one\ntwo\nthree\nfour\n\nsix\nseven\n"
                                 "1234567890\n12345678901\nx\ny\n",
                                 10));
}

TEST_CASE("splitting by blocks gives the lines, the numbers and the times of splitting by lines") {
    const std::size_t max_line = GENERATE(std::size_t{1}, std::size_t{2}, std::size_t{40},
                                          std::size_t{60}, std::size_t{4000});
    const bool in_line = GENERATE(false, true);
    INFO("max-line " << max_line << ", in a line " << in_line);
    std::mt19937_64 random(max_line);
    const std::string stream = random_stream(random, 200000, max_line, 5000);
    line_splitter by_lines(max_line, 7, in_line);
    line_splitter by_blocks(max_line, 7, in_line);
    using timed = std::pair<model_line, std::int64_t>;
    std::vector<timed> want;
    std::vector<timed> have;
    const auto into = [](std::vector<timed>& out) {
        return [&out](const line_view& line) { out.push_back({plain(line), line.time}); };
    };
    std::int64_t time = 0;
    std::size_t wrong = 0;
    for (std::size_t at = 0; at < stream.size(); ++time) {
        const std::string chunk = stream.substr(at, random_chunk(random));
        at += chunk.size();
        by_lines.feed(chunk, time, into(want));
        by_blocks.feed(chunk, fd2::capture::count_newlines(chunk), time, into(have),
                       [&](const line_block& block) {
                           const auto lines = lines_of(std::string(block.text), max_line);
                           wrong += lines.empty() || lines.size() != block.count;
                           for (auto line : lines) {
                               wrong += line.piece != fd2::line_piece::whole || line.unterminated;
                               line.number += block.first - 1;
                               have.push_back({line, block.time});
                           }
                       });
    }
    by_lines.end(time, into(want));
    by_blocks.end(time, into(have));
    CHECK(wrong == 0);
    CHECK((have == want));
}

TEST_CASE("by blocks from one thread to another, no line is lost uncounted and none is damaged") {
    const std::size_t max_line = GENERATE(std::size_t{120}, std::size_t{16384});
    record capture({4096, max_line});
    auto queue = std::make_shared<subscriber>(16384);
    capture.add(queue);
    std::mt19937_64 random(11);
    const std::string stream = random_stream(random, 3000000, 120, 4000);
    const auto want = lines_of(stream, max_line);
    std::uint64_t received = 0;
    bool damaged = false;
    std::thread consumer([&] {
        auto next = want.begin();
        while (!queue->finished() && !damaged) {
            const auto line = queue->wait(fd2::after(fd2::now(), hang));
            if (!line) continue;
            next = std::find(next, want.end(), plain(*line));
            damaged = next == want.end();
            if (!damaged) ++next;
            ++received;
        }
    });
    for (std::size_t at = 0; at < stream.size();) {
        const std::string chunk = stream.substr(at, random_chunk(random));
        append(capture, chunk);
        at += chunk.size();
        if (random() % 4 == 0) std::this_thread::yield();
    }
    capture.finish(end_kind::eof, 0);
    consumer.join();
    CHECK_FALSE(damaged);
    CHECK(received == queue->sent());
    CHECK(queue->sent() > 0);
    CHECK(queue->sent() + queue->dropped() == want.size());
}
