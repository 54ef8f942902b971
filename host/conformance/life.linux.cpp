#include "conformance/life.hpp"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <initializer_list>
#include <memory>

#include "base/failure.hpp"
#include "base/unique_fd.hpp"
#include "conformance/faults.hpp"
#include "conformance/recorder.hpp"
#include "conformance/words.hpp"
#include "conformance/world.hpp"

namespace fd2::conformance {

namespace {

enum class ending { eof, drain, now };

/// Where the backend has to try again by itself: nothing is wrong.
bool passes_by(int sys_errno) {
    return sys_errno == EINTR || sys_errno == ECONNABORTED;
}

class life {
  public:
    life(const variant& v, const std::function<fault()>& failed) : v_(v), failed_(failed) {}

    std::string run() {
        fd2_host host{};
        host.struct_size = sizeof(host);
        host.log = [](void*, std::int32_t, const char*, std::uint32_t) {};
        const bool made = attempt("init", [&](fd2_error* error) {
            return v_.tested->table().init(&host, &instance_, error);
        });
        if (!made) return problems_;
        for (const ending how : {ending::eof, ending::drain, ending::now}) channel(how);
        if (backends([&] { return v_.tested->table().deinit(instance_); }) != FD2_OK) {
            wrong("deinit fails, although every channel was closed");
        }
        return problems_;
    }

  private:
    const fd2_channel_ops& ops() const { return v_.tested->ops(); }
    bool polled() const { return v_.driven == way::poll; }

    void wrong(const std::string& what) {
        if (problems_.size() < 2000) problems_ += (problems_.empty() ? "" : "\n") + what;
    }

    template <class Call>
    static std::int32_t backends(Call&& make) {
        const backend_code inside;
        return make();
    }

    /// A call that may fail if something failed during it, with the code of that. It leaves nothing
    /// behind then, so that it is made again, and must succeed.
    template <class Call>
    bool attempt(const std::string& call, Call&& make) {
        for (;;) {
            const int before = failed_().sys_errno;
            fd2_error error = blank_error();
            const std::int32_t code = backends([&] { return make(&error); });
            if (code == FD2_OK) {
                if (error.code != 0 || error.message[0] != '\0') {
                    wrong(call + " succeeds and fills the error");
                }
                return true;
            }
            const std::string said = call + " returns " + code_word(code);
            const auto [why, asked, set] = failed_();
            if (code == FD2_E_STATE && into_ != nullptr && into_->ends() != 0) return false;
            if (why == 0 || before != 0) {
                wrong(said + " (" + error.message + "), although nothing failed in it");
                return false;
            }
            // A system call's errno that the C library translates keeps its class.
            const bool in_class = code == static_cast<std::int32_t>(classify(why)) ||
                                  (call == "start" && code == FD2_E_RESOURCE) ||
                                  (asked && code == FD2_E_UNSUPPORTED);
            if (passes_by(why)) {
                wrong(said + " (" + error.message + "), instead of trying again");
            } else if (!in_class) {
                wrong(said + " (" + error.message + "), expected " +
                      code_word(static_cast<std::int32_t>(classify(why))));
            }
            if (error.code != code) wrong(said + ", and another code in the error");
            if (error.message[0] == '\0') wrong(said + ", and no message");
            if ((code == FD2_E_RESOURCE) != ((error.flags & FD2_ERROR_TRANSIENT) != 0)) {
                wrong(said + ": TRANSIENT belongs to RESOURCE, and to nothing else");
            }
        }
    }

    // ---- one channel

    struct guarded {
        recorder into;
        fd2_sink inner = into.sink();
        std::atomic<bool> pauses{false};

        fd2_sink sink() {
            return {sizeof(fd2_sink),
                    0,
                    this,
                    [](void* ctx, const std::uint8_t* data, std::uint32_t size) {
                        const host_code own;
                        auto& self = *static_cast<guarded*>(ctx);
                        // Before the bytes count: who waits for them decides about the next ones.
                        const bool paused = self.pauses;
                        (void)self.inner.on_bytes(self.inner.ctx, data, size);
                        return paused ? FD2_PAUSE : FD2_CONTINUE;
                    },
                    [](void* ctx, std::int32_t reason, std::int32_t sys_errno) {
                        const host_code own;
                        auto& self = *static_cast<guarded*>(ctx);
                        self.inner.on_end(self.inner.ctx, reason, sys_errno);
                    },
                    [](void* ctx, std::uint8_t** data, std::uint32_t* cap) {
                        const host_code own;
                        auto& self = *static_cast<guarded*>(ctx);
                        return self.inner.reserve(self.inner.ctx, data, cap);
                    }};
        }
    };

    void channel(ending how) {
        auto lives = std::make_unique<guarded>();
        guarded& host = *lives;
        host.into.keeps = false;
        if (how == ending::drain) host.into.offers = 256;  // so that it takes several reads
        const fd2_sink sink = host.sink();
        written_ = 0;
        fd2_channel* made = nullptr;
        const auto options = v_.tested->with_configured({});
        const fd2_options table{sizeof(fd2_options), static_cast<std::uint32_t>(options.size()),
                                sizeof(fd2_option), 0, options.data()};
        const bool opened = attempt("open", [&](fd2_error* error) {
            return v_.tested->table().open(instance_, options.empty() ? nullptr : &table, &sink,
                                           &made, error);
        });
        if (!opened) return;
        channel_ = made;
        fd2_native end = FD2_NATIVE_NONE;
        if (attempt("take_child_end",
                    [&](fd2_error* error) { return ops().take_child_end(made, &end, error); })) {
            end_.reset(static_cast<int>(end));
            if (start()) talk(how, host);
        }
        end_.reset();
        if (backends([&] { return ops().close(channel_); }) != FD2_OK) {
            wrong("close fails after " + std::string(started_ ? "join" : "open"));
            (void)lives.release();  // the channel may still call it
        }
        started_ = false;
        into_ = nullptr;
    }

    bool start() {
        const bool good = attempt("start", [&](fd2_error* error) {
            const std::int32_t code =
                polled() ? v_.tested->pollable()->attach_poll(channel_, &watched_, error)
                         : ops().start(channel_, error);
            if (code != FD2_OK && ops().finish(channel_, FD2_FINISH_NOW) != FD2_E_STATE) {
                const host_code own;
                wrong("start fails, and the channel is not OPEN any more");
            }
            return code;
        });
        started_ = started_ || good;
        return good;
    }

    void talk(ending how, guarded& host) {
        recorder& into = host.into;
        into_ = &into;
        exchange(how, host);
        if (!started_) return;  // a hand-over that failed
        if (how != ending::eof || stuck_) {
            const int mode = how == ending::drain ? FD2_FINISH_DRAIN : FD2_FINISH_NOW;
            if (backends([&] { return ops().finish(channel_, mode); }) != FD2_OK) {
                wrong("finish fails");
            }
        }
        if (polled()) deliver(into, UINT64_MAX);
        const std::int32_t joined = backends([&] { return ops().join(channel_, hang()); });
        if (joined != FD2_OK) {
            wrong("join returns " + code_word(joined) + ": it does not end");
            end_.reset();  // what is stuck in a read comes back from it, and can be closed
            if (polled()) deliver(into, UINT64_MAX);
            (void)backends([&] { return ops().join(channel_, hang()); });
        } else if (!stuck_) {
            judge(how, into);
        }
        stuck_ = false;
    }

    /// What is written and comes; the child's end is closed for an EOF.
    void exchange(ending how, guarded& host) {
        recorder& into = host.into;
        write(1000);
        deliver(into, written_);
        if (polled() && !stuck_ && into.ends() == 0) call_early();
        host.pauses = true;
        write(500);
        deliver(into, written_ - 499);
        host.pauses = false;
        if (backends([&] { return ops().resume(channel_); }) != FD2_OK) wrong("resume fails");
        deliver(into, written_);
        if (how == ending::eof && v_.tested->handover() != nullptr && into.ends() == 0) {
            hand_over(host);
            if (!started_ || stuck_) return;
            write(300);
            deliver(into, written_);
        }
        if (how == ending::drain) {
            // What is written now waits in the object, because of a pause.
            host.pauses = true;
            write(1);
            deliver(into, written_);
            host.pauses = false;
        }
        if (how == ending::now) {
            // So much at once that a reader is likely to try for more, and finds nothing: it must
            // not be stuck there when it is to stop.
            write(5000);
            deliver(into, written_);
            if (!polled() && failed_().set) wait_for_quiet();
        } else {
            write(700);
        }
        if (how == ending::eof) end_.reset();
    }

    void judge(ending how, const recorder& into) {
        if (!into.violations().empty()) wrong(into.violations());
        if (into.ends() != 1) wrong("on_end is called " + std::to_string(into.ends()) + " times");
        const std::int32_t reason = into.reason();
        if (reason == FD2_END_ERROR) {
            // A system call failed; its errno is passed along. What came before it is a beginning.
            const int why = failed_().sys_errno;
            if (into.end_errno() != why || passes_by(why)) {
                wrong("on_end(ERROR, " + errno_name(into.end_errno()) + ")");
            }
            return;
        }
        const std::int32_t wanted = how == ending::eof     ? FD2_END_EOF
                                    : how == ending::drain ? FD2_END_DRAINED
                                                           : FD2_END_STOPPED;
        if (reason != wanted) {
            wrong("on_end(" + end_word(reason) + "), expected " + end_word(wanted));
        }
        if (into.total() != written_) {
            wrong(std::to_string(into.total()) + " bytes of " + std::to_string(written_) +
                  " are delivered");
        }
    }

    void write(std::uint64_t size) {
        (void)write_pattern(end_.get(), written_, size, size);
        written_ += size;
    }

    /// Waits until so many bytes came, or the channel has ended.
    void deliver(const recorder& into, std::uint64_t count) {
        if (stuck_) return;
        if (!polled()) {
            (void)const_cast<recorder&>(into).wait_bytes(count);
        } else {
            pump(into, count);
        }
        if (count != UINT64_MAX && into.total() < count && into.ends() == 0) {
            wrong("bytes do not come");
            stuck_ = true;
        }
    }

    /// Although nothing is there: it must do no harm (P14), such as to wait.
    void call_early() {
        std::int64_t deadline = -1;
        const std::int32_t answer = backends(
            [&] { return v_.tested->pollable()->on_ready(channel_, 64 * 1024, &deadline); });
        if (answer < 0) wrong("on_ready, early, returns " + ready_word(answer));
    }

    void pump(const recorder& into, std::uint64_t count) {
        const auto until = hang();
        while (into.total() < count && into.ends() == 0 && now() < until) {
            std::int64_t deadline = -1;
            const std::int32_t answer = backends(
                [&] { return v_.tested->pollable()->on_ready(channel_, 64 * 1024, &deadline); });
            if (answer < 0) {
                wrong("on_ready returns " + ready_word(answer));
                return;
            }
            if (into.total() >= count || into.ends() != 0) return;
            if (answer != FD2_READY_WAIT && answer != FD2_READY_LATER) continue;
            pollfd watched{static_cast<int>(watched_), POLLIN, 0};
            const auto limit = std::min(until, deadline >= 0 ? deadline : never);
            (void)::poll(&watched, answer == FD2_READY_WAIT ? 1 : 0, poll_timeout(limit, now()));
        }
    }

    void hand_over(guarded& host) {
        fd2_carry carry{};
        carry.struct_size = sizeof(carry);
        const auto& handover = *v_.tested->handover();
        const bool released = attempt(
            "release", [&](fd2_error* error) { return handover.release(channel_, &carry, error); });
        if (!released) {
            stuck_ = host.into.ends() == 0;
            return;
        }
        started_ = false;
        const fd2_sink sink = host.sink();
        fd2_channel* next = nullptr;
        const bool adopted = attempt("adopt", [&](fd2_error* error) {
            return handover.adopt(instance_, nullptr, &carry, &sink, &next, error);
        });
        if (!adopted) {
            ::close(static_cast<int>(carry.read));
            return;
        }
        if (backends([&] { return ops().close(channel_); }) != FD2_OK) {
            wrong("close fails after release");
        }
        channel_ = next;
        (void)start();
    }

    variant v_;
    const std::function<fault()>& failed_;
    std::string problems_;
    fd2_instance* instance_ = nullptr;
    fd2_channel* channel_ = nullptr;
    const recorder* into_ = nullptr;  // of the running channel
    bool started_ = false;
    bool stuck_ = false;
    fd2_native watched_ = FD2_NATIVE_NONE;
    unique_fd end_;
    std::uint64_t written_ = 0;
};

}  // namespace

std::string live(const variant& v, const std::function<fault()>& failed) {
    return life(v, failed).run();
}

}  // namespace fd2::conformance
