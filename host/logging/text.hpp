// How records read: JSON for the file, a plain line for people.
#pragma once

#include <fd2/observer.hpp>

#include <cstdint>
#include <string>
#include <string_view>

#include "logging/line_sink.hpp"
#include "logging/record_block.hpp"

namespace fd2::logging {

/// "trace", "debug", "info", "warning", "error".
std::string_view name_of(severity level) noexcept;

/// RFC 3339 in UTC with microseconds: "2024-02-29T23:59:59.000001Z".
void append_time(std::string& out, std::int64_t realtime_ns);

/// `text` inside JSON quotes. Control characters (C0, DEL, C1) are escaped, so that a log can be
/// shown on a terminal; each maximal invalid sequence becomes U+FFFD. Returns whether `text` was
/// valid UTF-8.
bool append_json_string(std::string& out, std::string_view text);

/// RFC 4648, with padding.
void append_base64(std::string& out, std::string_view bytes);

/// One event as a line of JSON with its newline: time, level, channel, backend, pid, message;
/// null where the event names no channel, backend or pid.
void append_event(std::string& out, const queued_event& what);

/// One line of a child (`rest` is empty here) as a line of JSON with its newline: time, kind
/// ("line"), channel, backend, pid, seq, text; "raw" (base64 of the exact bytes) only where text is
/// not valid UTF-8; "partial" and "continued" only where true.
void append_line(std::string& out, const line_record& line);

}  // namespace fd2::logging
