// Where a value came from, and what is wrong with one.
#pragma once

#include <fd2/observer.hpp>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/failure.hpp"

namespace fd2::settings {

/// The layers, weakest first.
enum class source : std::uint8_t { built_in, file, environment, option };

/// Where a value came from.
struct origin {
    source layer = source::built_in;
    std::string name;          ///< the file, the variable, the option ("--tail"); empty: built-in
    std::uint32_t line = 0;    ///< from 1; 0 for a file as a whole, and for everything else
    std::uint32_t column = 0;  ///< from 1, in characters (not bytes)

    /// "FILE:LINE:COLUMN", "FILE", "FD2_CAPTURE_TAIL", "--tail" or "built-in".
    std::string text() const;
    /// True if the caller gave the value, and not a file.
    bool from_caller() const noexcept { return layer >= source::environment; }
    bool operator==(const origin&) const = default;
};

/// One thing to say about the configuration. `warning` is worth a line, `error` is fatal.
struct diagnostic {
    severity level = severity::error;
    origin at;
    std::string key;      ///< "capture.tail", "backends.sync[1]", or empty
    std::string message;  ///< what is wrong
    std::string advice;   ///< what to write instead; may be empty
    /// A warning that `fd2 run` shows although its console shows errors only: a variable whose name
    /// is nearly one of ours, a file that cannot be read.
    bool notable = false;

    /// "FILE:LINE:COLUMN: error: KEY: MESSAGE; ADVICE", the form that editors parse. One line of
    /// printable text, whatever the file held.
    std::string text() const;
    /// The same without "error: " or "warning: ", for an event, which has a level of its own.
    std::string text_without_level() const;
    bool operator==(const diagnostic&) const = default;
};

/// Collects diagnostics. A hopeless file is cut short after `limit` of them. [one thread]
class report {
  public:
    static constexpr std::size_t limit = 100;

    void error(origin at, std::string key, std::string message, std::string advice = {});
    void warning(origin at, std::string key, std::string message, std::string advice = {},
                 bool notable = false);

    bool has_errors() const noexcept { return errors_ != 0; }
    const std::vector<diagnostic>& all() const noexcept { return found_; }
    std::vector<diagnostic> take() noexcept { return std::move(found_); }

  private:
    void add(diagnostic what);

    std::vector<diagnostic> found_;
    std::size_t errors_ = 0;
};

/// `text` in double quotes, safe for a terminal: control characters escaped, cut after 40 bytes.
std::string display(std::string_view text);

/// All errors as one failure of code `config`: one diagnostic per line; the advice of a single one
/// is the failure's. Requires an error.
failure as_failure(std::vector<diagnostic> found);

}  // namespace fd2::settings
