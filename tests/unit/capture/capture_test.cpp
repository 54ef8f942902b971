#include "capture/capture.hpp"

#include <atomic>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include "capture/subscriber.hpp"
#include "support/catch.hpp"

using fd2::end_kind;
using fd2::line_view;
using fd2::capture::line_consumer;
using fd2::capture::subscriber;
using record = fd2::capture::capture;

namespace {

/// True: a consumer is full.
bool put(record& to, const std::string& text) {
    return to.append(reinterpret_cast<const std::uint8_t*>(text.data()), text.size()) ==
           fd2::flow::pause;
}

std::vector<std::string> texts(subscriber& from) {
    std::vector<std::string> out;
    while (const auto got = from.poll())
        out.push_back(std::to_string(got->number) + ":" + std::string(got->rest));
    return out;
}

/// Numbers itself: line n of the stream is n in fifteen digits.
constexpr std::size_t line_size = 16;
std::string numbered(std::uint64_t n) {
    std::string text = std::to_string(n);
    return std::string(line_size - 1 - text.size(), '0') + text + "\n";
}

/// Everything in a snapshot agrees with the position in the stream that it claims.
bool is_consistent(const fd2::capture::snapshot& seen, std::size_t limit) {
    if (seen.offset + seen.bytes.size() != seen.total_bytes) return false;
    const bool over = seen.end != end_kind::none;  // then a last line without '\n' counts
    if (seen.total_lines != (seen.total_bytes + (over ? line_size - 1 : 0)) / line_size)
        return false;
    if (seen.bytes.size() != std::min<std::uint64_t>(limit, seen.total_bytes)) return false;
    if ((seen.first_byte != 0) != (seen.total_bytes != 0)) return false;
    for (std::uint64_t at = seen.offset; at < seen.total_bytes;) {
        const std::string line = numbered(at / line_size);
        const std::size_t within = at % line_size;
        const std::size_t size = std::min<std::uint64_t>(line_size - within, seen.total_bytes - at);
        if (seen.bytes.compare(at - seen.offset, size, line, within, size) != 0) return false;
        at += size;
    }
    return true;
}

/// A consumer that pauses the drain when it is full.
struct pausing final : line_consumer {
    int space = 0;
    int offered = 0;
    int ends = 0;
    bool try_take(const line_view&) noexcept override { return ++offered <= space; }
    fd2::flow chunk_done() noexcept override {
        return offered >= space ? fd2::flow::pause : fd2::flow::more;
    }
    void ended() noexcept override { ++ends; }
};

}  // namespace

TEST_CASE("eight readers under a flood see snapshots of one instant") {
    const std::size_t limit = GENERATE(std::size_t{5000}, std::size_t{65536});
    record capture({limit, 16 * 1024});
    std::atomic<bool> over{false};
    std::atomic<std::uint64_t> looked{0};
    std::atomic<std::uint64_t> wrong{0};
    std::vector<std::thread> readers;
    for (int i = 0; i < 8; ++i) {
        readers.emplace_back([&] {
            std::uint64_t last = 0;
            do {
                const auto seen = capture.take_snapshot();
                if (!is_consistent(seen, limit) || seen.total_bytes < last) ++wrong;
                last = seen.total_bytes;
                ++looked;
            } while (!over);
        });
    }
    // Chunks end in the middle of lines, go in by copy at first and by reservation later on.
    std::string stream;
    std::uint64_t next = 0;
    std::uint64_t bytes = 0;
    bool reserved = false;
    for (int round = 0; round < 3000 || looked < 200; ++round) {
        const std::size_t size = static_cast<std::size_t>(round * 7919 % 9001 + 1);
        while (stream.size() < size) stream += numbered(next++);
        std::size_t space = 0;
        std::uint8_t* to = capture.reserve(space);
        if (to != nullptr) {
            reserved = true;
            std::memcpy(to, stream.data(), size);
            REQUIRE(capture.append(to, size) == fd2::flow::more);
        } else {
            put(capture, stream.substr(0, size));
        }
        stream.erase(0, size);
        bytes += size;
    }
    capture.finish(end_kind::eof, 0);
    over = true;
    for (auto& reader : readers) reader.join();
    CHECK(reserved);
    CHECK(wrong == 0);
    const auto last = capture.take_snapshot();
    CHECK(last.total_bytes == bytes);
    CHECK(last.end == end_kind::eof);
    CHECK(last.dropped_bytes() == last.total_bytes - limit);
}

TEST_CASE("a snapshot answers in every state") {
    record capture({8, 4});
    auto seen = capture.take_snapshot();
    CHECK(seen.bytes.empty());
    CHECK(seen.total_bytes == 0);
    CHECK(seen.first_byte == 0);
    CHECK(seen.end == end_kind::none);
    put(capture, "one\ntwo\nthr");
    seen = capture.take_snapshot();
    CHECK(seen.bytes == "\ntwo\nthr");
    CHECK(seen.offset == 3);
    CHECK(seen.total_lines == 2);  // the third is not over yet
    CHECK(seen.first_byte != 0);
    capture.finish(end_kind::error, EIO);
    seen = capture.take_snapshot();
    CHECK(seen.bytes == "\ntwo\nthr");
    CHECK(seen.total_lines == 3);
    CHECK(seen.end == end_kind::error);
    CHECK(seen.end_errno == EIO);
    CHECK(fd2::name_of(end_kind::writers_remain) == "writers-remain");
}

TEST_CASE("a consumer that comes late starts at the next whole line, with its true number") {
    record capture({100, 100});
    auto first = std::make_shared<subscriber>();
    CHECK(capture.add(first) == 1);
    put(capture, "one\ntw");
    auto second = std::make_shared<subscriber>();
    CHECK(capture.add(second) == 3);
    put(capture, "o\nthree\n");
    auto third = std::make_shared<subscriber>();
    CHECK(capture.add(third) == 4);
    put(capture, "four");
    capture.finish(end_kind::eof, 0);
    CHECK(texts(*first) == std::vector<std::string>{"1:one", "2:two", "3:three", "4:four"});
    CHECK(texts(*second) == std::vector<std::string>{"3:three", "4:four"});
    CHECK(texts(*third) == std::vector<std::string>{"4:four"});
    CHECK(first->finished());
    CHECK(third->finished());
}

TEST_CASE("a consumer that was removed gets nothing more") {
    record capture({100, 100});
    auto gone = std::make_shared<subscriber>();
    auto stays = std::make_shared<subscriber>();
    capture.add(gone);
    capture.add(stays);
    put(capture, "one\n");
    capture.remove(gone.get());
    CHECK(gone.use_count() == 1);
    put(capture, "two\n");
    capture.finish(end_kind::eof, 0);
    CHECK(texts(*gone) == std::vector<std::string>{"1:one"});
    CHECK_FALSE(gone->finished());
    CHECK(texts(*stays) == std::vector<std::string>{"1:one", "2:two"});
}

TEST_CASE("a consumer added after the end is told so at once") {
    record capture({100, 100});
    put(capture, "one\n");
    capture.finish(end_kind::stopped, 0);
    auto late = std::make_shared<subscriber>();
    CHECK(capture.add(late) == 2);
    CHECK(late->finished());
    CHECK(late.use_count() == 1);
}

TEST_CASE("a full consumer asks for a pause; a full queue does not, but is counted") {
    record capture({100, 100});
    auto log = std::make_shared<pausing>();
    log->space = 2;
    capture.add(log);
    CHECK_FALSE(put(capture, "one\ntw"));
    CHECK(put(capture, "o\n"));
    log->space = 10;
    CHECK_FALSE(put(capture, "three\n"));
    capture.finish(end_kind::eof, 0);
    CHECK(log->ends == 1);
    CHECK(log->offered == 3);

    record other({100, 4096});
    auto queue = std::make_shared<subscriber>(4096);
    other.add(queue);
    std::uint64_t lines = 0;
    for (; lines < 1000; ++lines) REQUIRE_FALSE(put(other, std::string(50, 'x') + "\n"));
    other.finish(end_kind::eof, 0);
    CHECK(queue->dropped() > 0);
    CHECK(queue->sent() + queue->dropped() == lines);
    CHECK(other.take_snapshot().lines_dropped == queue->dropped());
}

TEST_CASE("lines that were dropped leave a gap in the numbers, and pieces count one line") {
    record capture({100, 4});
    auto queue = std::make_shared<subscriber>();
    capture.add(queue);
    put(capture, "abcdefghij\nk\n");
    capture.finish(end_kind::eof, 0);
    CHECK(texts(*queue) == std::vector<std::string>{"1:abcd", "1:efgh", "1:ij", "2:k"});
    CHECK(capture.take_snapshot().total_lines == 2);
}

TEST_CASE("consumers come and go from another thread while bytes pour in") {
    record capture({4096, 128});
    std::atomic<bool> over{false};
    std::uint64_t wrong = 0;
    std::uint64_t rounds = 0;
    std::atomic<bool> enough{false};
    std::thread guest([&] {
        while (!over) {
            auto queue = std::make_shared<subscriber>(4096);
            std::uint64_t next = capture.add(queue);
            const auto got = queue->wait(fd2::after(fd2::now(), 20 * fd2::second));
            // The first line is whole, and the one that was promised. (Lines count from 1.)
            if (got &&
                (got->number != next || std::string(got->rest) + "\n" != numbered(got->number - 1)))
                ++wrong;
            capture.remove(queue.get());
            if (++rounds == 300) enough = true;
        }
    });
    std::string stream;
    std::uint64_t line = 0;
    std::size_t size = 1;
    while (!enough) {
        while (stream.size() < size) stream += numbered(line++);
        put(capture, stream.substr(0, size));
        stream.erase(0, size);
        size = size % 41 + 1;
    }
    over = true;
    capture.finish(end_kind::eof, 0);
    guest.join();
    CHECK(wrong == 0);
}
