#include "logging/text.hpp"

#include <array>
#include <charconv>
#include <chrono>
#include <cstddef>

#include "base/clock.hpp"
#include "base/plain_text.hpp"

namespace fd2::logging {
namespace {

constexpr std::string_view hex_digits = "0123456789abcdef";

void append_number(std::string& out, std::int64_t value) {
    std::array<char, 24> digits;
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
    out.append(digits.data(), end);
}

void append_unsigned(std::string& out, std::uint64_t value) {
    std::array<char, 24> digits;
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
    out.append(digits.data(), end);
}

void append_padded(std::string& out, std::uint64_t value, int width) {
    std::array<char, 20> digits;
    for (int i = width; i-- > 0; value /= 10) {
        digits[static_cast<std::size_t>(i)] = static_cast<char>('0' + value % 10);
    }
    out.append(digits.data(), static_cast<std::size_t>(width));
}

void append_whose(std::string& out, std::uint64_t channel, std::string_view backend, pid_t pid) {
    out += ",\"channel\":";
    if (channel != 0) {
        append_unsigned(out, channel);
    } else {
        out += "null";
    }
    out += ",\"backend\":";
    if (!backend.empty()) {
        append_json_string(out, backend);
    } else {
        out += "null";
    }
    out += ",\"pid\":";
    if (pid != 0) {
        append_number(out, pid);
    } else {
        out += "null";
    }
}

}  // namespace

std::string_view name_of(severity level) noexcept {
    switch (level) {
        case severity::trace:
            return "trace";
        case severity::debug:
            return "debug";
        case severity::info:
            return "info";
        case severity::warning:
            return "warning";
        case severity::error:
            return "error";
    }
    return "unknown";
}

void append_time(std::string& out, std::int64_t realtime_ns) {
    using namespace std::chrono;
    const sys_time<nanoseconds> point{nanoseconds(realtime_ns)};
    const auto day = floor<days>(point);
    const year_month_day date(day);
    const hh_mm_ss time(floor<microseconds>(point - day));
    append_padded(out, static_cast<std::uint64_t>(static_cast<int>(date.year())), 4);
    out += '-';
    append_padded(out, static_cast<unsigned>(date.month()), 2);
    out += '-';
    append_padded(out, static_cast<unsigned>(date.day()), 2);
    out += 'T';
    append_padded(out, static_cast<std::uint64_t>(time.hours().count()), 2);
    out += ':';
    append_padded(out, static_cast<std::uint64_t>(time.minutes().count()), 2);
    out += ':';
    append_padded(out, static_cast<std::uint64_t>(time.seconds().count()), 2);
    out += '.';
    append_padded(out, static_cast<std::uint64_t>(time.subseconds().count()), 6);
    out += 'Z';
}

bool append_json_string(std::string& out, std::string_view text) {
    bool valid = true;
    out += '"';
    while (!text.empty()) {
        std::size_t plain = 0;
        while (plain < text.size() && text[plain] >= 0x20 && text[plain] < 0x7F &&
               text[plain] != '"' && text[plain] != '\\') {
            ++plain;
        }
        out.append(text.substr(0, plain));
        text.remove_prefix(plain);
        if (text.empty()) break;
        const utf8_step step = decode_utf8(text);
        if (!step.valid) {
            valid = false;
            out += "\xEF\xBF\xBD";
        } else if (step.code == '"' || step.code == '\\') {
            out += '\\';
            out += text.front();
        } else if (step.code == '\n') {
            out += "\\n";
        } else if (step.code == '\r') {
            out += "\\r";
        } else if (step.code == '\t') {
            out += "\\t";
        } else if (is_control(step.code)) {
            out += "\\u00";
            out += hex_digits[(step.code >> 4U) & 0xFU];
            out += hex_digits[step.code & 0xFU];
        } else {
            out.append(text.substr(0, step.size));
        }
        text.remove_prefix(step.size);
    }
    out += '"';
    return valid;
}

void append_base64(std::string& out, std::string_view bytes) {
    constexpr std::string_view digits =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (std::size_t at = 0; at < bytes.size(); at += 3) {
        const std::size_t left = bytes.size() - at;
        std::uint32_t three = 0;
        for (std::size_t i = 0; i < 3; ++i) {
            three = three << 8U | (i < left ? static_cast<unsigned char>(bytes[at + i]) : 0U);
        }
        out += digits[three >> 18U];
        out += digits[three >> 12U & 0x3FU];
        out += left > 1 ? digits[three >> 6U & 0x3FU] : '=';
        out += left > 2 ? digits[three & 0x3FU] : '=';
    }
}

void append_event(std::string& out, const queued_event& what) {
    out += "{\"time\":\"";
    append_time(out, what.time_ns);
    out += "\",\"level\":\"";
    out += name_of(what.level);
    out += '"';
    append_whose(out, what.channel, what.backend, what.pid);
    out += ",\"message\":";
    append_json_string(out, what.message);
    out += "}\n";
}

void append_line(std::string& out, const line_record& line) {
    out += "{\"time\":\"";
    append_time(out, line.time_ns);
    out += "\",\"kind\":\"line\"";
    append_whose(out, line.channel, line.backend, line.pid);
    out += ",\"seq\":";
    append_unsigned(out, line.seq);
    out += ",\"text\":";
    if (!append_json_string(out, line.text)) {
        out += ",\"raw\":\"";
        append_base64(out, line.text);
        out += '"';
    }
    if (line.partial) out += ",\"partial\":true";
    if (line.continued) out += ",\"continued\":true";
    out += "}\n";
}

}  // namespace fd2::logging
