// The life cycle of a channel as the contract has it: states, what can happen in each of them, the
// code that each call then returns, and what must come of it. Nothing here knows a backend.
//
//            start, attach_poll          finish              on_end            join
//     OPEN ────────────────────▶ RUNNING ──────▶ FINISHING ────────▶ ENDED ────────▶ JOINED
//      ▲                           │                                   ▲
//      │ adopt                     ├── EOF, on_bytes said STOP ────────┘
//     RELEASED ◀─────── release ───┘
#pragma once

#include <fd2/abi.h>
#include <fd2/ext/pollable.h>

#include <cstdint>

#include "conformance/subject.hpp"

namespace fd2::conformance {

enum class state { open, running, finishing, ended, joined, released, closed };
constexpr const char* state_names[] = {"OPEN",   "RUNNING",  "FINISHING", "ENDED",
                                       "JOINED", "RELEASED", "closed"};

/// Calls of the contract, and what the child and the host's callbacks do.
enum class step {
    start,
    attach_poll,
    take_child_end,
    resume,
    finish_drain,
    finish_now,
    finish_nonsense,
    join,
    close,
    release,
    adopt,  ///< and close of the released channel
    on_ready,
    info,
    deinit,
    // The world's; they cannot fail.
    write,      ///< the child writes
    leave,      ///< the last writer closes its end
    hold,       ///< the child writes, and on_bytes does not return
    let_go,     ///< it does
    say_go,     ///< from now on on_bytes returns CONTINUE,
    say_pause,  ///< PAUSE
    say_stop,   ///< or STOP
};
constexpr int step_count = static_cast<int>(step::say_stop) + 1;
constexpr const char* step_names[] = {"start",
                                      "attach_poll",
                                      "take_child_end",
                                      "resume",
                                      "finish(drain)",
                                      "finish(now)",
                                      "finish(99)",
                                      "join",
                                      "close",
                                      "release",
                                      "adopt",
                                      "on_ready",
                                      "info",
                                      "deinit",
                                      "(the child writes)",
                                      "(the last writer leaves)",
                                      "(the child writes; on_bytes does not return)",
                                      "(on_bytes returns)",
                                      "(on_bytes: CONTINUE)",
                                      "(on_bytes: PAUSE)",
                                      "(on_bytes: STOP)"};

class model {
  public:
    /// The extensions that the backend offers.
    model(bool pollable, bool handover) : pollable_(pollable), handover_(handover) {}

    state in() const { return in_; }
    bool polled() const { return polled_; }
    bool ended() const { return reason_ != 0; }
    std::int32_t reason() const { return reason_; }
    std::uint64_t written() const { return written_; }

    /// What must have been delivered. After a PAUSE or STOP the size of the read decides: at least
    /// one byte more than before, then `learn` what it was.
    std::uint64_t delivered() const { return delivered_; }
    bool delivers_some() const { return some_; }
    bool stopped() const { return reason_ == FD2_END_STOPPED; }
    void learn(std::uint64_t total) {
        delivered_ = total;
        some_ = false;
    }

    /// False: it makes no sense now (nothing can be written without an end), it would wait for
    /// itself, or the contract leaves open what comes of it.
    bool possible(step what) const {
        const bool goes_on = in_ == state::open || in_ == state::running;
        switch (what) {
            case step::attach_poll:
            case step::on_ready:
                return pollable_;
            case step::release:
                return handover_ && !(held_ && in_ == state::running);
            case step::adopt:
                return in_ == state::released;
            case step::info:
                return in_ != state::released;
            case step::write:
                return goes_on && writer_ && written_ - delivered_ < 2000;
            case step::leave:
                return writer_;
            case step::hold:
                return in_ == state::running && !polled_ && writer_ && !paused_ && !held_;
            case step::let_go:
                return held_;
            case step::resume:
                // A permit that nobody waits for may cancel the next PAUSE, or not.
                return !goes_on || paused_ || says_ != FD2_PAUSE || (held_ && reply_ == FD2_PAUSE);
            case step::say_pause:
                return !stray_permit_;
            default:
                return true;
        }
    }

    /// The code that the call returns, or what on_ready does.
    std::int32_t expected(step what) const {
        const bool over = in_ == state::ended || in_ == state::joined;
        const bool idle = in_ == state::open || in_ == state::released;
        switch (what) {
            case step::start:
            case step::attach_poll:
                return in_ == state::open ? FD2_OK : FD2_E_STATE;
            case step::take_child_end:
                return (in_ == state::open || in_ == state::running) && !taken_ ? FD2_OK
                                                                                : FD2_E_STATE;
            case step::finish_drain:
            case step::finish_now:
                return idle ? FD2_E_STATE : FD2_OK;
            case step::finish_nonsense:
                return FD2_E_INVALID;
            case step::join:
                if (over) return FD2_OK;
                return idle || polled_ ? FD2_E_STATE : FD2_E_TIMEDOUT;
            case step::close:
                if (in_ == state::ended) return polled_ ? FD2_OK : FD2_E_STATE;
                return idle || over ? FD2_OK : FD2_E_STATE;
            case step::release:
                return in_ == state::running || (in_ == state::open && adopted_) ? FD2_OK
                                                                                 : FD2_E_STATE;
            case step::on_ready: {
                if (idle || !polled_) return -FD2_E_STATE;
                model next = *this;
                next.apply(what);
                return next.ended()   ? FD2_READY_ENDED
                       : next.paused_ ? FD2_READY_PAUSED
                                      : FD2_READY_WAIT;
            }
            case step::deinit:
                return FD2_E_STATE;
            default:
                return FD2_OK;
        }
    }

    /// The call was made, and returned that.
    void apply(step what) {
        if (what != step::on_ready && expected(what) != FD2_OK) return;
        switch (what) {
            case step::start:
            case step::attach_poll:
                in_ = state::running;
                polled_ = what == step::attach_poll;
                break;
            case step::take_child_end:
                taken_ = writer_ = true;
                return;
            case step::resume:
                if (in_ != state::open && in_ != state::running) return;
                if (paused_ || (held_ && reply_ == FD2_PAUSE)) {
                    permit_ = true;
                } else {
                    stray_permit_ = true;
                }
                break;
            case step::finish_drain:
            case step::finish_now:
                if (ended()) return;
                in_ = state::finishing;
                (what == step::finish_drain ? draining_ : stopping_) = true;
                if (stopping_ && polled_) end(FD2_END_STOPPED);
                break;
            case step::join:
                in_ = state::joined;
                return;
            case step::close:
                in_ = state::closed;
                return;
            case step::release:
                in_ = state::released;
                return;
            case step::adopt:
                in_ = state::open;
                adopted_ = true;
                polled_ = false;
                taken_ = true;  // a child's end that was not is closed with the released channel
                paused_ = paused_ && !permit_;
                permit_ = stray_permit_ = false;
                return;
            case step::on_ready:
                if (polled_) drain();
                return;
            case step::write:
                written_ += piece;
                break;
            case step::leave:
                writer_ = false;
                break;
            case step::hold:
                ++written_;
                delivered_ = written_;
                held_ = true;
                reply_ = says_;
                return;
            case step::let_go:
                held_ = false;
                if (in_ == state::running) paused_ = reply_ == FD2_PAUSE;
                if (!stopping_ && reply_ == FD2_STOP) end(FD2_END_STOPPED);
                break;
            case step::say_go:
                says_ = FD2_CONTINUE;
                return;
            case step::say_pause:
                says_ = FD2_PAUSE;
                return;
            case step::say_stop:
                says_ = FD2_STOP;
                return;
            default:
                return;
        }
        if (!polled_ && !held_) drain();
    }

    /// Bytes that the child writes in this step.
    static constexpr std::uint64_t size(step what) { return what == step::hold ? 1 : piece; }

  private:
    static constexpr std::uint64_t piece = 100;

    void end(std::int32_t reason) {
        in_ = state::ended;
        reason_ = reason;
    }

    /// What the thread, the loop or on_ready does as far as it gets.
    void drain() {
        while (in_ == state::running || in_ == state::finishing) {
            if (stopping_) return end(FD2_END_STOPPED);
            if (draining_) paused_ = false;
            if (paused_) {
                if (!permit_) return;
                paused_ = false;
            }
            permit_ = false;
            if (delivered_ != written_) {
                if (says_ == FD2_CONTINUE || (says_ == FD2_PAUSE && draining_)) {
                    delivered_ = written_;
                    continue;
                }
                some_ = true;
                if (says_ == FD2_STOP) return end(FD2_END_STOPPED);
                paused_ = true;
                return;
            }
            if (taken_ && !writer_) return end(FD2_END_EOF);
            if (!draining_) return;
            end(FD2_END_DRAINED);
        }
    }

    bool pollable_;
    bool handover_;
    state in_ = state::open;
    bool polled_ = false;
    bool adopted_ = false;
    bool taken_ = false;   // the child's end
    bool writer_ = false;  // it is open
    bool held_ = false;    // an on_bytes does not return
    bool paused_ = false;
    bool permit_ = false;        // a resume after the PAUSE
    bool stray_permit_ = false;  // one before it
    bool draining_ = false;
    bool stopping_ = false;
    bool some_ = false;
    std::int32_t says_ = FD2_CONTINUE;   // what on_bytes returns
    std::int32_t reply_ = FD2_CONTINUE;  // what the held one will
    std::int32_t reason_ = 0;            // once ended
    std::uint64_t written_ = 0;
    std::uint64_t delivered_ = 0;
};

}  // namespace fd2::conformance
