// A stream of bytes becomes lines.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace fd2::capture {

/// One line, or a piece of one, without its '\n'. The views live for the call only; the text is
/// `head` followed by `rest` (either may be empty).
struct line_view {
    std::string_view head;
    std::string_view rest;
    std::uint64_t number = 0;   ///< of the line within the stream, from 1; pieces share it
    std::int64_t time = 0;      ///< when its last byte came: nanoseconds since the epoch
    bool continued = false;     ///< an earlier piece of the same line came before
    bool continues = false;     ///< longer than the limit: a further piece follows
    bool unterminated = false;  ///< the stream ended without a '\n' after it

    std::size_t size() const noexcept { return head.size() + rest.size(); }
};

/// Number of '\n' in `data`: a vectorised count, far cheaper than splitting.
std::uint64_t count_newlines(const std::uint8_t* data, std::size_t size) noexcept;

/// Splits at '\n' and cuts lines longer than `max_line` bytes into pieces. Owns `max_line` bytes
/// from the start, so that feeding it allocates nothing. [not synchronised]
class line_splitter {
  public:
    /// `next_number` is the number of the first line that will be emitted; `in_line` says that the
    /// stream stands in the middle of an earlier one, whose rest is skipped.
    line_splitter(std::size_t max_line, std::uint64_t next_number, bool in_line)
        : max_line_(max_line < 1 ? 1 : max_line), number_(next_number), skipping_(in_line) {
        held_.reserve(max_line_);
    }

    /// Calls `emit(const line_view&)` for each line or piece that `data` completes.
    template <class Emit>
    void feed(std::string_view data, std::int64_t time, Emit&& emit) {
        if (skipping_) {
            const std::size_t end = data.find('\n');
            if (end == data.npos) return;
            data.remove_prefix(end + 1);
            skipping_ = false;
        }
        while (!data.empty()) {
            const std::size_t end = data.find('\n');
            const bool whole = end != data.npos;
            std::string_view part = data.substr(0, whole ? end : data.size());
            data.remove_prefix(whole ? end + 1 : data.size());
            while (held_.size() + part.size() > max_line_) {
                const std::size_t take = max_line_ - held_.size();
                emit_piece(part.substr(0, take), time, true, false, emit);
                part.remove_prefix(take);
            }
            if (whole) {
                emit_piece(part, time, false, false, emit);
            } else {
                held_.append(part);
            }
        }
    }

    /// The stream is over: emits a last line that had no '\n'.
    template <class Emit>
    void end(std::int64_t time, Emit&& emit) {
        if (!held_.empty() || continued_) emit_piece({}, time, false, true, emit);
    }

  private:
    template <class Emit>
    void emit_piece(std::string_view rest, std::int64_t time, bool continues, bool unterminated,
                    Emit& emit) {
        line_view line{held_, rest, number_, time, continued_, continues, unterminated};
        emit(line);
        held_.clear();
        continued_ = continues;
        if (!continues) ++number_;
    }

    std::size_t max_line_;
    std::uint64_t number_;
    bool skipping_;
    bool continued_ = false;
    std::string held_;
};

}  // namespace fd2::capture
