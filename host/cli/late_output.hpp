// Where a report goes that is written at the end of a run.
#pragma once

#include <fd2/observer.hpp>

#include <array>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "cli/text_out.hpp"
#include "forward/writer.hpp"

namespace fd2::cli {

/// How long a report waits for a reader, and what else is served meanwhile.
struct patience {
    nanoseconds_t stall = 0;           ///< without any progress
    int descriptor = -1;               ///< readable when there is something to serve
    std::function<bool()> serve = {};  ///< true: stop now
};

/// A file or descriptor that is written at the end of a run, but is opened before the command is
/// started: a path that cannot be written is an error while nothing has happened yet.
///
/// A regular file is whole or absent: one that is there is removed by `open`, and what `finish`
/// puts in its place was written beside it, with the same owner and mode. Where that cannot be (the
/// directory refuses, the file has another owner or a second name) it is emptied, and written in
/// place. Everything else is written as it is.
///
/// From `begin` on nothing allocates and nothing throws: if the report cannot be written, it is
/// lost and nothing else happens.
class late_output final : public text_out {
  public:
    late_output();
    ~late_output() override;
    late_output(const late_output&) = delete;
    late_output& operator=(const late_output&) = delete;

    /// `-`, /dev/stdout, /dev/stderr, /dev/fd/N and /proc/self/fd/N are the descriptor itself and
    /// not the file behind it: what is redirected there is neither truncated nor overwritten from
    /// its beginning. `option` is what a failure names. Waits for the reader of a FIFO.
    status open(const std::string& option, const std::string& path);

    /// Takes over a descriptor that we were given; the command does not get it, unless it is one of
    /// 0, 1 and 2, which are the command's: of those we keep a duplicate.
    status take(const std::string& option, int fd);

    bool is_open() const noexcept { return kind_ != kind::none; }

    /// The report begins: between this and `finish` come any number of `put`. SIGPIPE and SIGXFSZ
    /// are blocked in the calling thread; those that writing raises are discarded. `waiting` lives
    /// until `finish`.
    void begin(const patience& waiting) noexcept;
    void put(std::string_view text) noexcept override;
    /// Tells `watch` what went wrong, if anything did.
    void finish(observer& watch) noexcept;

  private:
    enum class kind { none, as_it_is, in_place, beside };

    status duplicate(int fd);
    status open_file(const std::string& path);
    int create_beside() noexcept;
    void flush() noexcept;
    int write_some(std::string_view& text) noexcept;
    int wait_for_reader(nanoseconds_t since) noexcept;

    kind kind_ = kind::none;
    std::string option_;
    std::string name_;    // what it is called in messages
    std::string target_;  // beside: what is replaced,
    std::string beside_;  // and by what
    bool existed_ = false;
    struct model;
    std::unique_ptr<model> like_;  // where it existed
    unique_fd file_;
    std::unique_ptr<forward::writer> writer_;  // as_it_is

    const patience* patience_ = nullptr;
    int error_ = 0;
    std::size_t filled_ = 0;
    std::array<char, 4096> buffer_;
};

}  // namespace fd2::cli
