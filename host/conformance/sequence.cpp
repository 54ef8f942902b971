#include "conformance/sequence.hpp"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstring>
#include <mutex>

#include "base/unique_fd.hpp"
#include "conformance/poller.hpp"
#include "conformance/recorder.hpp"
#include "conformance/words.hpp"
#include "conformance/world.hpp"

namespace fd2::conformance {

namespace {

class player {
  public:
    explicit player(const std::shared_ptr<backend>& tested)
        : tested_(tested), model_(tested->pollable() != nullptr, tested->handover() != nullptr) {
        into_.keeps = false;
        fd2_channel* made = nullptr;
        const auto options = tested_->with_configured({});
        const fd2_options table{sizeof(fd2_options), static_cast<std::uint32_t>(options.size()),
                                sizeof(fd2_option), 0, options.data()};
        const fd2_sink sink = this->sink();
        fd2_error error = blank_error();
        note("init", tested_->table().init(&host_, &instance_, &error), FD2_OK);
        if (instance_ == nullptr) return;
        note("open",
             tested_->table().open(instance_, options.empty() ? nullptr : &table, &sink, &made,
                                   &error),
             FD2_OK);
        channel_ = made;
    }

    bool good() const { return wrong_.empty(); }
    bool over() const { return channel_ == nullptr; }
    const std::string& result() const { return wrong_; }

    void take(step what) {
        if (over() || !model_.possible(what)) return;
        const std::int32_t wanted = model_.expected(what);
        const std::uint64_t before = into_.total();
        model next = model_;
        next.apply(what);
        fd2_error error = blank_error();
        const std::int32_t seen = make(what, wanted, next, error);
        const bool answers = what == step::on_ready;
        note(step_names[static_cast<int>(what)], seen, wanted, answers);
        check(what, seen, error);
        if (!good()) return;
        model_ = next;
        observe(before);
    }

    /// Whatever state it is in: over.
    void end() {
        let_go();
        if (over()) return leave();
        if (!good()) {  // the model is not to be asked any more
            (void)ops().finish(channel_, FD2_FINISH_NOW);
            if (!model_.polled()) (void)ops().join(channel_, hang());
            if (ops().close(channel_) == FD2_OK) channel_ = nullptr;
            return leave();
        }
        for (const step each : {step::let_go, step::finish_now, step::join, step::close})
            take(each);
        leave();
    }

  private:
    const fd2_channel_ops& ops() const { return tested_->ops(); }

    fd2_sink sink() {
        return {sizeof(fd2_sink),
                0,
                this,
                [](void* ctx, const std::uint8_t* data, std::uint32_t size) {
                    return static_cast<player*>(ctx)->on_bytes(data, size);
                },
                [](void* ctx, std::int32_t reason, std::int32_t sys_errno) {
                    const fd2_sink& inner = static_cast<player*>(ctx)->inner_;
                    inner.on_end(inner.ctx, reason, sys_errno);
                },
                nullptr};
    }

    std::int32_t on_bytes(const std::uint8_t* data, std::uint32_t size) {
        // Before the bytes count: who waits for them decides about the next ones.
        const std::int32_t reply = says_;
        std::uint64_t hold = 0;
        {
            const std::lock_guard lock(mutex_);
            hold = holds_;
        }
        (void)inner_.on_bytes(inner_.ctx, data, size);
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [&] { return let_go_ >= hold; });
        return reply;
    }

    void wrong(const std::string& what) {
        if (good()) wrong_ = trail_ + (trail_.empty() ? "" : "; ") + what;
    }

    void note(const std::string& name, std::int32_t seen, std::int32_t wanted,
              bool answers = false) {
        const auto word = answers ? ready_word : code_word;
        if (!trail_.empty()) trail_ += "; ";
        trail_ += name;
        if (name[0] != '(') trail_ += " = " + word(seen);
        if (seen == wanted) return;
        if (good()) wrong_ = trail_ + ", expected " + word(wanted);
    }

    void check(step what, std::int32_t seen, const fd2_error& error) {
        const bool fills = what == step::start || what == step::attach_poll ||
                           what == step::take_child_end || what == step::release ||
                           what == step::adopt;
        if (!fills) return;
        if (seen == FD2_OK) {
            if (error.code != 0 || error.message[0] != '\0') wrong("success fills the error");
            return;
        }
        if (error.code != seen) wrong("the error has the code " + code_word(error.code));
        if (error.message[0] == '\0') wrong("the error has no message");
        if (std::strchr(error.message, '\n') != nullptr) wrong("the message has two lines");
    }

    std::int32_t make(step what, std::int32_t wanted, const model& next, fd2_error& error) {
        fd2_native end = FD2_NATIVE_NONE;
        switch (what) {
            case step::start:
                return ops().start(channel_, &error);
            case step::attach_poll:
                return tested_->pollable()->attach_poll(
                    channel_, wanted == FD2_OK ? &watched_ : &end, &error);
            case step::take_child_end: {
                const std::int32_t code = ops().take_child_end(channel_, &end, &error);
                if (code == FD2_OK) end_.reset(static_cast<int>(end));
                return code;
            }
            case step::resume:
                return ops().resume(channel_);
            case step::finish_drain:
                return ops().finish(channel_, FD2_FINISH_DRAIN);
            case step::finish_now:
                return ops().finish(channel_, FD2_FINISH_NOW);
            case step::finish_nonsense:
                return ops().finish(channel_, 99);
            case step::join:
                // ENDED is reached an instant after on_end returns, so there join may wait.
                return ops().join(channel_, wanted == FD2_OK ? hang() : 0);
            case step::close: {
                const std::int32_t code = ops().close(channel_);
                if (code == FD2_OK) channel_ = nullptr;
                return code;
            }
            case step::release: {
                fd2_carry carry{};
                carry.struct_size = sizeof(carry);
                const std::int32_t code = tested_->handover()->release(channel_, &carry, &error);
                if (code != FD2_OK) return code;
                carry_ = carry;
                carried_.reset(static_cast<int>(carry.read));
                return code;
            }
            case step::adopt:
                return adopt(error);
            case step::on_ready:
                return pump(wanted, next);
            case step::info: {
                fd2_info info{};
                info.struct_size = sizeof(info);
                return ops().info(channel_, &info);
            }
            case step::deinit:
                return tested_->table().deinit(instance_);
            case step::write:
            case step::hold:
                if (what == step::hold) {
                    const std::lock_guard lock(mutex_);
                    ++holds_;
                }
                (void)write_pattern(end_.get(), model_.written(), model::size(what),
                                    model::size(what));
                return FD2_OK;
            case step::leave:
                end_.reset();
                return FD2_OK;
            case step::let_go:
                let_go();
                return FD2_OK;
            case step::say_go:
                says_ = FD2_CONTINUE;
                return FD2_OK;
            case step::say_pause:
                says_ = FD2_PAUSE;
                return FD2_OK;
            case step::say_stop:
                says_ = FD2_STOP;
                return FD2_OK;
        }
        return -1;
    }

    std::int32_t adopt(fd2_error& error) {
        const fd2_sink sink = this->sink();
        fd2_channel* next = nullptr;
        const std::int32_t code =
            tested_->handover()->adopt(instance_, nullptr, &carry_, &sink, &next, &error);
        if (code != FD2_OK) return code;
        (void)carried_.release();
        const std::int32_t closed = ops().close(channel_);
        channel_ = next;
        if (closed != FD2_OK) wrong("close of the released channel = " + code_word(closed));
        return code;
    }

    /// on_ready, again as it says, until what was wanted is there.
    std::int32_t pump(std::int32_t wanted, const model& next) {
        const auto until = hang();
        for (;;) {
            std::int64_t deadline = 0;
            const std::int32_t answer = tested_->pollable()->on_ready(channel_, 4096, &deadline);
            if (answer < 0 && deadline != -1) wrong("on_ready fails and does not set the deadline");
            if (answer == FD2_READY_AGAIN) continue;
            const bool waits =
                answer == FD2_READY_WAIT && (wanted != answer || into_.total() < next.delivered());
            if ((!waits && answer != FD2_READY_LATER) || now() > until) return answer;
            // What was written may be on its way yet.
            const auto limit = deadline >= 0 ? std::min(until, deadline) : until;
            if (answer == FD2_READY_WAIT) {
                (void)wait_until_ready(watched_, limit);
            } else {
                sleep_for(limit - now());
            }
        }
    }

    /// Waits for what the model says must come, and for nothing else.
    void observe(std::uint64_t before) {
        const std::uint64_t least =
            model_.delivers_some() ? before + 1 : std::max(before, model_.delivered());
        if (!model_.polled() && !into_.wait_bytes(least)) {
            wrong(std::to_string(into_.total()) + " bytes are delivered, expected " +
                  std::to_string(least));
        }
        if (model_.ended() && !model_.polled() && !into_.wait_end()) wrong("on_end does not come");
        const std::uint64_t total = into_.total();
        const bool open_end = model_.delivers_some() || model_.stopped();
        if (total < least || total > (open_end ? model_.written() : least)) {
            wrong(std::to_string(total) + " bytes are delivered, expected " +
                  std::to_string(least));
        }
        model_.learn(total);
        if (into_.ends() != (model_.ended() ? 1 : 0)) {
            wrong("on_end is called " + std::to_string(into_.ends()) + " times");
        } else if (model_.ended() && into_.reason() != model_.reason()) {
            wrong("on_end(" + end_word(into_.reason()) + "), expected " +
                  end_word(model_.reason()));
        }
        if (const std::string told = into_.violations(); !told.empty()) wrong(told);
    }

    void let_go() {
        const std::lock_guard lock(mutex_);
        let_go_ = holds_;
        changed_.notify_all();
    }

    void leave() {
        if (channel_ != nullptr || instance_ == nullptr) return;
        if (tested_->table().deinit(instance_) != FD2_OK) wrong("deinit after close fails");
    }

    std::shared_ptr<backend> tested_;
    model model_;
    std::string trail_;
    std::string wrong_;
    recorder into_;
    const fd2_sink inner_ = into_.sink();
    std::atomic<std::int32_t> says_{FD2_CONTINUE};
    std::mutex mutex_;
    std::condition_variable changed_;
    // Counted: the next one may begin before the thread of the one before has noticed.
    std::uint64_t holds_ = 0;
    std::uint64_t let_go_ = 0;
    fd2_host host_{sizeof(fd2_host), 0, nullptr, nullptr, nullptr};
    fd2_instance* instance_ = nullptr;
    fd2_channel* channel_ = nullptr;
    fd2_native watched_ = FD2_NATIVE_NONE;
    unique_fd end_;
    fd2_carry carry_{};
    unique_fd carried_;
};

}  // namespace

std::string play(const std::shared_ptr<backend>& tested, const std::vector<step>& steps) {
    player one(tested);
    for (const step each : steps) {
        if (one.good() && !one.over()) one.take(each);
    }
    one.end();
    return one.result();
}

}  // namespace fd2::conformance
