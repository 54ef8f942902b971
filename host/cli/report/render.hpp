// The summary of reports, for people, for programs and for node_exporter's textfile collector.
#pragma once

#include <cstdint>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include "cli/report/summary.hpp"
#include "cli/screen.hpp"

namespace fd2::cli::reports {

/// What was asked for.
struct question {
    std::vector<std::string> files;  ///< as they are named; `-` is standard input
    std::optional<std::int64_t> since;
};

/// On pages of `shown.width` columns, 80 where that is 0.
std::string as_text(const summary& all, const question& asked, const screen& shown);

/// fd2.report/1 (docs/fd2.report.schema.json).
std::string as_json(const summary& all, const question& asked);

/// The text format of Prometheus, version 0.0.4.
std::string as_prometheus(const summary& all);

}  // namespace fd2::cli::reports
