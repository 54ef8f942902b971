#include "library/exchange.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>
#include <utility>

#include "base/handle.windows.hpp"
#include "base/system_code.hpp"
#include "library/sync_access.hpp"
#include "library/transfer.windows.hpp"

namespace fd2 {

namespace {

class exchanging {
  public:
    exchanging(SshConnection& connection, const run_options& options, stopping steps,
               const runs::end_policy& policy, run_result& outcome)
        : connection_(connection),
          child_(process_of(connection)),
          options_(options),
          policy_(policy),
          late_(child_, steps),
          outcome_(outcome),
          input_(options.input) {}

    status go() {
        const std::chrono::nanoseconds limit = options_.timeout;
        if (limit.count() != 0) deadline_ = after(now(), std::max<nanoseconds_t>(0, limit.count()));
        go_on_writing();
        go_on_reading();
        while (!done()) {
            if (auto good = turn(); !good) return good;
        }
        return {};
    }

  private:
    bool done() const {
        if (!exited_) return false;
        return !connection_.out().is_open() || (owed_ <= 0 && now() >= limit());
    }

    /// Until when to wait for what comes next.
    nanoseconds_t limit() const {
        if (exited_) return runs::linger_until(policy_, *exited_, last_byte_);
        return outcome_.timed_out ? late_.until() : deadline_;
    }

    status turn() {
        std::array<HANDLE, 3> handles{};
        DWORD used = 0;
        if (read_.under_way()) handles[used++] = handle_of(read_.descriptor());
        if (write_.under_way()) handles[used++] = handle_of(write_.descriptor());
        if (!exited_) handles[used++] = handle_of(child_.pidfd());
        const int left = poll_timeout(limit(), now());
        if (::WaitForMultipleObjects(used, handles.data(), FALSE,
                                     left < 0 ? INFINITE : static_cast<DWORD>(left)) ==
            WAIT_FAILED) {
            return system_failure("WaitForMultipleObjects", "child", last_system_code());
        }
        if (is_over(write_)) wrote();
        if (is_over(read_)) {
            if (auto good = got(); !good) return good;
        }
        if (!exited_) {
            if (auto good = note_exit(); !good) return good;
        }
        if (exited_ || now() < limit()) return {};
        if (!std::exchange(outcome_.timed_out, true)) close_input();
        return late_.next_step();
    }

    static bool is_over(const transfer& one) noexcept {
        return one.under_way() &&
               ::WaitForSingleObject(handle_of(one.descriptor()), 0) == WAIT_OBJECT_0;
    }

    void close_input() {
        write_.cancel();
        input_ = {};
        connection_.in().close();
    }

    void go_on_writing() {
        if (input_.empty()) return connection_.in().close();
        write_.write(connection_.in().native_handle(), input_.data(), input_.size());
    }

    void wrote() {
        const auto done = write_.take();
        // A child that reads no more is no error.
        input_.remove_prefix(done.why != 0 ? input_.size() : done.size);
        go_on_writing();
    }

    void go_on_reading() {
        if (!connection_.out().is_open()) return;
        read_.read(connection_.out().native_handle(), chunk_.data(), chunk_.size());
    }

    status got() {
        const auto done = read_.take();
        if (done.why != 0) {
            connection_.out().close();
            if (is_end(done.why)) return {};
            return system_failure("read", "the child's stdout", done.why);
        }
        last_byte_ = now();
        owed_ -= static_cast<std::ptrdiff_t>(done.size);
        take_output(outcome_, options_.out_limit, chunk_.data(), done.size);
        go_on_reading();
        return {};
    }

    status note_exit() {
        auto end = child_.try_wait();
        if (!end) return std::move(end).error();
        if (!*end) return {};
        exited_ = now();
        // All that the child wrote is in the pipe by now, or in the read that is under way.
        DWORD lying = 0;
        if (!connection_.out().is_open()) return {};
        if (is_over(read_)) {
            if (auto good = got(); !good) return good;
        }
        if (connection_.out().is_open() &&
            ::PeekNamedPipe(handle_of(connection_.out().native_handle()), nullptr, 0, nullptr,
                            &lying, nullptr)) {
            owed_ = static_cast<std::ptrdiff_t>(lying);
        }
        return {};
    }

    SshConnection& connection_;
    process::child& child_;
    const run_options& options_;
    const runs::end_policy policy_;
    late_child late_;
    run_result& outcome_;
    std::string_view input_;
    nanoseconds_t deadline_ = never;
    std::optional<nanoseconds_t> exited_;
    nanoseconds_t last_byte_ = 0;
    std::ptrdiff_t owed_ = 0;  ///< bytes of its own that were not read yet, since its exit
    std::array<char, 64 * 1024> chunk_;
    transfer write_;
    transfer read_;
};

}  // namespace

status exchange(SshConnection& connection, const run_options& options, stopping steps,
                const runs::end_policy& policy, run_result& outcome) {
    return exchanging(connection, options, steps, policy, outcome).go();
}

}  // namespace fd2
