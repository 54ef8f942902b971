// What the record costs in this process, for each 80-byte line, without any system call (save where
// a name says so). Google Benchmark; `items_per_second` counts lines.

#include <benchmark/benchmark.h>
#include <fcntl.h>
#include <unistd.h>

#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "capture/capture.hpp"
#include "capture/line_splitter.hpp"
#include "capture/subscriber.hpp"
#include "capture/tail.hpp"

namespace {

using namespace fd2;

constexpr std::size_t line_size = 80;
constexpr std::size_t tail_size = std::size_t{64} << 10;
constexpr std::size_t max_line = std::size_t{16} << 10;
// A read's worth of whole lines: 64 KiB less what does not fill one.
constexpr std::size_t lines_a_chunk = tail_size / line_size;

class chunk_of_lines {
  public:
    chunk_of_lines() {
        for (std::size_t i = 0; i < lines_a_chunk; ++i) {
            text_ += std::string(line_size - 1, static_cast<char>('a' + i % 26)) + '\n';
        }
    }
    const std::uint8_t* data() const { return reinterpret_cast<const std::uint8_t*>(text_.data()); }
    std::size_t size() const { return text_.size(); }
    std::string_view text() const { return text_; }

  private:
    std::string text_;
};

void count_lines(benchmark::State& state) {
    state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(lines_a_chunk));
}

void append(benchmark::State& state) {
    const chunk_of_lines chunk;
    capture::tail tail(tail_size);
    for (auto _ : state) {
        tail.append(chunk.data(), chunk.size());
        benchmark::ClobberMemory();
    }
    count_lines(state);
}

void count(benchmark::State& state) {
    const chunk_of_lines chunk;
    for (auto _ : state) {
        benchmark::DoNotOptimize(capture::count_newlines(chunk.data(), chunk.size()));
    }
    count_lines(state);
}

void split(benchmark::State& state) {
    const chunk_of_lines chunk;
    capture::line_splitter splitter(max_line, 1, false);
    for (auto _ : state) {
        splitter.feed(chunk.text(), 0,
                      [](const line_view& line) { benchmark::DoNotOptimize(line.rest.data()); });
    }
    count_lines(state);
}

/// What one chunk costs the drain without a subscriber: kept and counted.
void record_only(benchmark::State& state) {
    const chunk_of_lines chunk;
    capture::capture record({});
    for (auto _ : state) benchmark::DoNotOptimize(record.append(chunk.data(), chunk.size()));
    count_lines(state);
}

/// The same into memory that the tail offered, as the drain does once a stream is large: the read
/// itself, which is not part of this, has put the bytes there.
void record_in_place(benchmark::State& state) {
    const chunk_of_lines chunk;
    capture::capture record({});
    while (record.take_snapshot().total_bytes < capture::tail::reservable_after) {
        record.append(chunk.data(), chunk.size());
    }
    for (auto _ : state) {
        std::size_t space = 0;
        std::uint8_t* memory = record.reserve(space);
        if (!memory) {
            state.SkipWithError("no memory offered");
            break;
        }
        benchmark::DoNotOptimize(record.append(memory, std::min(space, chunk.size())));
    }
    count_lines(state);
}

/// The drain's side of a subscriber; the reader's side is not timed.
void record_and_subscriber(benchmark::State& state) {
    const chunk_of_lines chunk;
    capture::capture record({});
    const auto lines = std::make_shared<capture::subscriber>();
    record.add(lines);
    for (auto _ : state) {
        benchmark::DoNotOptimize(record.append(chunk.data(), chunk.size()));
        state.PauseTiming();
        while (lines->poll()) {
        }
        state.ResumeTiming();
    }
    if (lines->dropped() != 0) state.SkipWithError("lines were dropped");
    count_lines(state);
}

/// Both sides of a subscriber, on one thread. `look` reads one line; false: there is none.
template <class Look>
void record_and_reader(benchmark::State& state, Look look) {
    const chunk_of_lines chunk;
    capture::capture record({});
    const auto lines = std::make_shared<capture::subscriber>();
    record.add(lines);
    for (auto _ : state) {
        benchmark::DoNotOptimize(record.append(chunk.data(), chunk.size()));
        while (look(*lines)) {
        }
    }
    if (lines->dropped() != 0) state.SkipWithError("lines were dropped");
    count_lines(state);
}

void record_and_new_strings(benchmark::State& state) {
    record_and_reader(state, [](capture::subscriber& lines) {
        const auto line = lines.poll();
        if (line) benchmark::DoNotOptimize(std::string(line->rest).data());
        return line.has_value();
    });
}

void record_and_one_string(benchmark::State& state) {
    record_and_reader(state, [text = std::string()](capture::subscriber& lines) mutable {
        const auto line = lines.poll();
        if (line) benchmark::DoNotOptimize(text.assign(line->rest).data());
        return line.has_value();
    });
}

void record_and_lent_lines(benchmark::State& state) {
    record_and_reader(state, [](capture::subscriber& lines) {
        const auto line = lines.poll();
        if (line) benchmark::DoNotOptimize(line->rest.data());
        return line.has_value();
    });
}

/// Peer: a mutex and a deque of strings, both sides.
void mutex_and_deque(benchmark::State& state) {
    const chunk_of_lines chunk;
    std::mutex mutex;
    std::deque<std::string> queue;
    for (auto _ : state) {
        std::string_view rest = chunk.text();
        while (!rest.empty()) {
            const std::size_t end = rest.find('\n') + 1;
            const std::lock_guard lock(mutex);
            queue.emplace_back(rest.substr(0, end));
            rest.remove_prefix(end);
        }
        for (;;) {
            const std::lock_guard lock(mutex);
            if (queue.empty()) break;
            const std::string line = std::move(queue.front());
            queue.pop_front();
            benchmark::DoNotOptimize(line.data());
        }
    }
    count_lines(state);
}

/// Peer: a window that is moved down for each line.
void shifted_window(benchmark::State& state) {
    const chunk_of_lines chunk;
    std::vector<char> window;
    for (auto _ : state) {
        for (std::size_t at = 0; at < chunk.size(); at += line_size) {
            const auto line = chunk.text().substr(at, line_size);
            window.insert(window.end(), line.begin(), line.end());
            if (window.size() > tail_size) {
                window.erase(window.begin(), window.end() - static_cast<std::ptrdiff_t>(tail_size));
            }
        }
        benchmark::ClobberMemory();
    }
    count_lines(state);
}

/// Peer: a write(2) for each line, to /dev/null.
void write_a_line(benchmark::State& state) {
    const chunk_of_lines chunk;
    const int null = ::open("/dev/null", O_WRONLY | O_CLOEXEC);
    for (auto _ : state) {
        for (std::size_t at = 0; at < chunk.size(); at += line_size) {
            if (::write(null, chunk.data() + at, line_size) < 0) state.SkipWithError("write");
        }
    }
    ::close(null);
    count_lines(state);
}

BENCHMARK(append)->Name("append to the tail");
BENCHMARK(count)->Name("count lines");
BENCHMARK(split)->Name("split into lines");
BENCHMARK(record_only)->Name("record: tail and count");
BENCHMARK(record_in_place)->Name("record, read in place");
BENCHMARK(record_and_subscriber)->Name("record and a subscriber, drain's side");
BENCHMARK(record_and_new_strings)->Name("record and a subscriber, both sides");
BENCHMARK(record_and_one_string)->Name("record and a subscriber, both sides, one string");
BENCHMARK(record_and_lent_lines)->Name("record and a subscriber, both sides, lines lent");
BENCHMARK(mutex_and_deque)->Name("peer: mutex and deque of strings");
BENCHMARK(shifted_window)->Name("peer: a window that is shifted");
BENCHMARK(write_a_line)->Name("peer: a write a line");

}  // namespace

BENCHMARK_MAIN();
