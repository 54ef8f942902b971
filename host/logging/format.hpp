// The format of records in the file: a line of JSON each, with its newline.
#pragma once

#include <fd2/observer.hpp>

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "base/line_view.hpp"
#include "logging/queue.hpp"

namespace fd2::logging {

/// RFC 3339 in UTC with microseconds: "2024-02-29T23:59:59.000001Z".
void append_time(std::string& out, std::int64_t realtime_ns);

/// `,"channel":1,"backend":"pipe","pid":4711`; null where there is none (0, or empty).
void append_whose(std::string& out, std::uint64_t channel, std::string_view backend, pid_t pid);

/// A document: time, kind ("run" or "audit"), channel, backend, pid, and `what.message`, which is
/// JSON, as "report" or "audit".
void append_document(std::string& out, const event& what, kind of, std::int64_t realtime_ns);

/// One line of a child (`rest` is empty): time, kind ("line"), channel, backend, pid, seq, text;
/// "raw" (base64 of the exact bytes) only where text is not valid UTF-8; "partial" and "more" only
/// where true.
void append_line(std::string& out, const line_view& line, const line_origin& whose);

}  // namespace fd2::logging
