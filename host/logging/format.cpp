#include "logging/format.hpp"

#include <chrono>
#include <cstddef>

#include "base/base64.hpp"
#include "base/plain_text.hpp"

namespace fd2::logging {
namespace {

void append_padded(std::string& out, std::uint64_t value, std::size_t width, char behind) {
    const std::size_t start = out.size();
    out.append(width, '0');
    for (std::size_t at = start + width; at-- > start; value /= 10) {
        out[at] = static_cast<char>('0' + value % 10);
    }
    out += behind;
}

}  // namespace

void append_time(std::string& out, std::int64_t realtime_ns) {
    using namespace std::chrono;
    const sys_time<nanoseconds> point{nanoseconds(realtime_ns)};
    const auto day = floor<days>(point);
    const year_month_day date(day);
    const hh_mm_ss time(floor<microseconds>(point - day));
    append_padded(out, static_cast<std::uint64_t>(static_cast<int>(date.year())), 4, '-');
    append_padded(out, static_cast<unsigned>(date.month()), 2, '-');
    append_padded(out, static_cast<unsigned>(date.day()), 2, 'T');
    append_padded(out, static_cast<std::uint64_t>(time.hours().count()), 2, ':');
    append_padded(out, static_cast<std::uint64_t>(time.minutes().count()), 2, ':');
    append_padded(out, static_cast<std::uint64_t>(time.seconds().count()), 2, '.');
    append_padded(out, static_cast<std::uint64_t>(time.subseconds().count()), 6, 'Z');
}

void append_whose(std::string& out, std::uint64_t channel, std::string_view backend, pid_t pid) {
    out += ",\"channel\":";
    out += channel != 0 ? std::to_string(channel) : "null";
    out += ",\"backend\":";
    if (backend.empty()) {
        out += "null";
    } else {
        append_json_string(out, backend);
    }
    out += ",\"pid\":";
    out += pid != 0 ? std::to_string(pid) : "null";
}

void append_document(std::string& out, const event& what, kind of, std::int64_t realtime_ns) {
    const bool is_run = of == kind::run;
    out += "{\"time\":\"";
    append_time(out, realtime_ns);
    out += is_run ? "\",\"kind\":\"run\"" : "\",\"kind\":\"audit\"";
    append_whose(out, what.channel, what.backend, what.pid);
    out += is_run ? ",\"report\":" : ",\"audit\":";
    out += what.message;
    out += "}\n";
}

void append_line(std::string& out, const line_view& line, const line_origin& whose) {
    out += "{\"time\":\"";
    append_time(out, line.time);
    out += "\",\"kind\":\"line\"";
    append_whose(out, whose.channel, whose.backend().data(), whose.pid());
    out += ",\"seq\":";
    out += std::to_string(line.number);
    out += ",\"text\":";
    if (!append_json_string(out, line.head)) {
        out += ",\"raw\":\"";
        append_base64(out, line.head);
        out += '"';
    }
    if (line.unterminated) out += ",\"partial\":true";
    if (more_follows(line.piece)) out += ",\"more\":true";
    out += "}\n";
}

}  // namespace fd2::logging
