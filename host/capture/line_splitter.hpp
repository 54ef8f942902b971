// A stream of bytes becomes lines.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "capture/lines.hpp"

namespace fd2::capture {

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

    /// The same, but whole lines come together: `emit_block(const line_block&)`. Only a line that
    /// earlier data began, and the pieces of one that is too long, go to `emit`. `newlines` is the
    /// number of them in `data`.
    template <class Emit, class EmitBlock>
    void feed(std::string_view data, std::uint64_t newlines, std::int64_t time, Emit&& emit,
              EmitBlock&& emit_block) {
        const auto feed_line = [&](std::string_view& left) {
            const std::size_t size = first_line(left);
            feed(left.substr(0, size), time, emit);
            left.remove_prefix(size);
            --newlines;
        };
        if (newlines != 0 && is_within_line()) feed_line(data);
        std::string_view whole = data.substr(0, newlines == 0 ? 0 : whole_lines(data));
        data.remove_prefix(whole.size());
        while (!whole.empty()) {
            const std::string_view text = whole.substr(0, lines_within_limit(whole));
            if (text.empty()) {
                feed_line(whole);
                continue;
            }
            const bool all = text.size() == whole.size();
            const line_block block{text, all ? newlines : count_newlines(text), number_, time};
            emit_block(block);
            number_ += block.count;
            newlines -= block.count;
            whole.remove_prefix(text.size());
        }
        feed(data, time, emit);
    }

    /// The stream is over: emits a last line that had no '\n'.
    template <class Emit>
    void end(std::int64_t time, Emit&& emit) {
        if (!held_.empty() || within_) emit_piece({}, time, false, true, emit);
    }

  private:
    // After a piece that is not the last, at least one byte of the line is held.
    bool is_within_line() const noexcept { return skipping_ || !held_.empty(); }

    /// Bytes of `whole`, which ends in '\n', up to its first line that is too long. Proceeds in
    /// steps that end in '\n': no line within one is longer than the step.
    std::size_t lines_within_limit(std::string_view whole) const noexcept {
        std::size_t size = 0;
        while (size != whole.size()) {
            const std::size_t step = whole_lines(whole.substr(size, max_line_ + 1));
            if (step == 0) break;
            size += step;
        }
        return size;
    }

    template <class Emit>
    void emit_piece(std::string_view rest, std::int64_t time, bool more, bool unterminated,
                    Emit& emit) {
        const line_piece begun = within_ ? line_piece::middle : line_piece::first;
        const line_piece over = within_ ? line_piece::last : line_piece::whole;
        emit(line_view{held_, rest, number_, time, more ? begun : over, unterminated});
        held_.clear();
        within_ = more;
        if (!more) ++number_;
    }

    std::size_t max_line_;
    std::uint64_t number_;
    bool skipping_;
    bool within_ = false;  // a piece of the line has been emitted
    std::string held_;
};

}  // namespace fd2::capture
