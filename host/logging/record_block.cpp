#include "logging/record_block.hpp"

#include <cstring>
#include <limits>

#include "base/clock.hpp"

namespace fd2::logging {
namespace {

enum class record_kind : std::uint8_t { event, run };

struct event_head {
    record_kind kind;
    severity level;
    std::uint16_t backend_size;
    std::int32_t pid;
    std::uint64_t channel;
    std::int64_t time_ns;
    std::uint64_t message_size;
};  // then the backend, then the message

struct run_head {
    record_kind kind;
    std::uint16_t backend_size;
    std::int32_t pid;
    std::uint64_t channel;
    line_source* source;
    std::uint64_t first_seq;
    std::int64_t time_us;  // of the first line, CLOCK_REALTIME
    std::uint64_t lines;
};  // then the backend, then the lines, each a line_head and its text

struct line_head {
    std::uint32_t size : 30;
    std::uint32_t partial : 1;
    std::uint32_t continued : 1;
    std::uint32_t delta_us;  // after the run's first line
};

template <class T>
T load(const std::byte* from) noexcept {
    T value;
    std::memcpy(&value, from, sizeof value);
    return value;
}

template <class T>
std::byte* store(std::byte* to, const T& value) noexcept {
    std::memcpy(to, &value, sizeof value);
    return to + sizeof value;
}

std::byte* store_text(std::byte* to, std::string_view text) noexcept {
    if (!text.empty()) std::memcpy(to, text.data(), text.size());
    return to + text.size();
}

std::string_view view(const std::byte* from, std::size_t size) noexcept {
    return {reinterpret_cast<const char*>(from), size};
}

std::string_view cut_backend(std::string_view backend) noexcept {
    return backend.substr(0, 256);
}

void put_line(std::byte* to, const line_record& line, std::int64_t delta_us) noexcept {
    line_head head{};
    head.size = static_cast<std::uint32_t>(line.text.size() + line.rest.size()) & longest_text;
    head.partial = line.partial;
    head.continued = line.continued;
    head.delta_us = static_cast<std::uint32_t>(delta_us);
    store_text(store_text(store(to, head), line.text), line.rest);
}

}  // namespace

std::size_t event_size(const event& what) noexcept {
    return sizeof(event_head) + cut_backend(what.backend).size() + what.message.size();
}

void put_event(std::byte* to, const event& what, std::int64_t time_ns) noexcept {
    const std::string_view backend = cut_backend(what.backend);
    to = store(
        to, event_head{record_kind::event, what.level, static_cast<std::uint16_t>(backend.size()),
                       what.pid, what.channel, time_ns, what.message.size()});
    store_text(store_text(to, backend), what.message);
}

std::size_t further_size(const line_record& line) noexcept {
    return sizeof(line_head) + line.text.size() + line.rest.size();
}

std::size_t run_size(const line_record& line) noexcept {
    return sizeof(run_head) + cut_backend(line.backend).size() + further_size(line);
}

void put_run(std::byte* to, line_source& source, const line_record& line,
             std::int64_t time_us) noexcept {
    const std::string_view backend = cut_backend(line.backend);
    to = store(to, run_head{record_kind::run, static_cast<std::uint16_t>(backend.size()), line.pid,
                            line.channel, &source, line.seq, time_us, 1});
    put_line(store_text(to, backend), line, 0);
}

bool continues_run(const std::byte* run, const line_source& source, const line_record& line,
                   std::int64_t time_us) noexcept {
    const auto head = load<run_head>(run);
    return head.source == &source && head.channel == line.channel && head.pid == line.pid &&
           head.first_seq + head.lines == line.seq && time_us >= head.time_us &&
           time_us - head.time_us <= std::numeric_limits<std::uint32_t>::max() &&
           view(run + sizeof head, head.backend_size) == cut_backend(line.backend);
}

void put_further(std::byte* run, std::byte* to, const line_record& line,
                 std::int64_t time_us) noexcept {
    auto head = load<run_head>(run);
    ++head.lines;
    store(run, head);
    put_line(to, line, time_us - head.time_us);
}

bool block_reader::next(record& out) noexcept {
    const std::byte* const base = block_.data.get();
    if (lines_left_ == 0) {
        if (at_ == block_.used) return false;
        if (load<record_kind>(base + at_) == record_kind::event) {
            const auto head = load<event_head>(base + at_);
            const std::byte* const text = base + at_ + sizeof head;
            out.source = nullptr;
            out.event = {head.level,   head.time_ns,
                         head.channel, view(text, head.backend_size),
                         head.pid,     view(text + head.backend_size, head.message_size)};
            at_ += sizeof head + head.backend_size + head.message_size;
            return true;
        }
        const auto head = load<run_head>(base + at_);
        at_ += sizeof head;
        line_.source = head.source;
        line_.line.channel = head.channel;
        line_.line.pid = head.pid;
        line_.line.backend = view(base + at_, head.backend_size);
        line_.line.seq = head.first_seq;
        run_time_us_ = head.time_us;
        lines_left_ = head.lines;
        at_ += head.backend_size;
    }
    const auto head = load<line_head>(base + at_);
    at_ += sizeof head;
    out.source = line_.source;
    out.line = line_.line;
    out.line.text = view(base + at_, head.size);
    out.line.time_ns = (run_time_us_ + head.delta_us) * microsecond;
    out.line.partial = head.partial;
    out.line.continued = head.continued;
    at_ += head.size;
    ++line_.line.seq;
    --lines_left_;
    return true;
}

}  // namespace fd2::logging
