#include "channel/core.hpp"

#include <algorithm>
#include <utility>

namespace fd2::channel {

namespace {

constexpr std::uint32_t bit(pause_source who) {
    return static_cast<std::uint32_t>(who);
}

failure not_now(std::string why) {
    return {errc::state, 0, "hand-over: " + std::move(why)};
}

failure cannot_move(const configured_backend& by) {
    return {errc::unsupported, 0,
            "hand-over: backend " + by.plugin->id + " does not offer " FD2_EXT_HANDOVER};
}

}  // namespace

class core::loan {
  public:
    /// Empty while the channel moves, and where there is none. `waits`: until it has moved.
    explicit loan(const core& of, bool waits = false) : of_(of) {
        for (;;) {
            if (waits) of.moving_.wait(true);
            const std::lock_guard lock(of.mutex_);
            if (of.moving_ && waits) continue;
            if (of.moving_ || !of.handle_) return;
            handle_ = of.handle_;
            plugin_ = of.backend_->plugin.get();
            ++of.lent_;
            return;
        }
    }
    ~loan() {
        if (handle_ && --of_.lent_ == 0) of_.lent_.notify_all();
    }
    loan(const loan&) = delete;
    loan& operator=(const loan&) = delete;

    explicit operator bool() const noexcept { return handle_ != nullptr; }
    fd2_channel* handle() const noexcept { return handle_; }
    const loaded_plugin& plugin() const noexcept { return *plugin_; }
    const fd2_channel_ops& ops() const noexcept { return *plugin_->backend->channel; }

  private:
    const core& of_;
    fd2_channel* handle_ = nullptr;
    const loaded_plugin* plugin_ = nullptr;
};

core::core(std::uint64_t channel_number, shared_backend backend, channel_setup with)
    : number(channel_number),
      setup(std::move(with)),
      record(std::make_shared<capture::capture>(setup.limits)),
      backend_(std::move(backend)) {}

core::rare& core::rarely() {
    if (!rare_) rare_ = std::make_unique<rare>();
    return *rare_;
}

namespace {

/// Until nothing is lent any more; new loans are refused already.
void wait_for_return(const std::atomic<std::uint32_t>& lent) {
    for (std::uint32_t left; (left = lent.load()) != 0;) lent.wait(left);
}

}  // namespace

// ---- the backend's callbacks

fd2_sink core::sink() noexcept {
    return {sizeof(fd2_sink), 0, this, &on_bytes, &on_end, &reserve};
}

std::int32_t core::on_bytes(void* self, const std::uint8_t* data, std::uint32_t size) noexcept {
    auto& c = *static_cast<core*>(self);
    if (c.muted.load(std::memory_order_acquire)) return FD2_STOP;
    const nanoseconds_t present = now();
    c.last_byte.store(present, std::memory_order_relaxed);
    if (c.moving_.load(std::memory_order_acquire)) {
        nanoseconds_t none = 0;
        c.rare_->first_bytes.compare_exchange_strong(none, present);
    }
    // Both bits are set before the consumers are asked: one that answers "full" may call `resume`
    // from another thread before its answer is here, and `resume` must find a bit to clear.
    c.pauses_.fetch_or(bit(pause_source::bytes) | bit(pause_source::lines),
                       std::memory_order_acq_rel);
    std::uint32_t ready = 0;
    if (c.record->append(data, size) == flow::more) ready |= bit(pause_source::lines);
    if (!c.setup.bytes || c.setup.bytes->offer(data, size) == flow::more)
        ready |= bit(pause_source::bytes);
    const std::uint32_t left = c.pauses_.fetch_and(~ready, std::memory_order_acq_rel) & ~ready;
    return left == 0 ? FD2_CONTINUE : FD2_PAUSE;
}

std::int32_t core::reserve(void* self, std::uint8_t** data, std::uint32_t* space) noexcept {
    std::size_t size = 0;
    *data = static_cast<core*>(self)->record->reserve(size);
    if (!*data) return FD2_E_RESOURCE;
    *space = static_cast<std::uint32_t>(size);
    return FD2_OK;
}

void core::on_end(void* self, std::int32_t reason, std::int32_t sys_errno) noexcept {
    auto& c = *static_cast<core*>(self);
    if (c.muted.load(std::memory_order_acquire)) return;
    auto end = end_kind::stopped;
    switch (reason) {
        case FD2_END_EOF:
            end = end_kind::eof;
            break;
        case FD2_END_ERROR:
            end = end_kind::error;
            c.failed.store(true, std::memory_order_relaxed);
            break;
        case FD2_END_DRAINED:
            if (c.child_exited.load(std::memory_order_acquire)) {
                end = end_kind::writers_remain;
            }
            break;
        default:
            break;
    }
    c.end(end, sys_errno);
}

void core::end(end_kind how, int sys_errno) noexcept {
    record->finish(how, sys_errno);
    ended.store(true, std::memory_order_release);
    if (setup.bell) setup.bell();
}

// ---- the owner's calls

status core::open() {
    const fd2_sink into = sink();
    call_error error;
    fd2_channel* made = nullptr;
    const backend_instance& plugin = *backend_->instance;
    const std::int32_t code = plugin.table().open(plugin.instance(), &backend_->options->table,
                                                  &into, &made, error.get());
    if (code != FD2_OK) return error.as_failure(code);
    const std::lock_guard lock(mutex_);
    handle_ = made;
    return {};
}

status core::start(int& watched) {
    call_error error;
    const std::int32_t code = start_on(*backend_, handle_, watched, error);
    return code == FD2_OK ? status() : error.as_failure(code);
}

std::int32_t core::start_on(const configured_backend& by, fd2_channel* handle, int& watched,
                            call_error& error) noexcept {
    const fd2_pollable* const loop = setup.polled ? by.plugin->pollable : nullptr;
    fd2_native readable = FD2_NATIVE_NONE;
    const std::int32_t code = loop ? loop->attach_poll(handle, &readable, error.get())
                                   : by.plugin->backend->channel->start(handle, error.get());
    if (code == FD2_OK) watched = static_cast<int>(readable);
    return code;
}

result<unique_fd> core::take_child_end() {
    fd2_native end = FD2_NATIVE_NONE;
    call_error error;
    const loan held(*this, true);
    const std::int32_t code = held.ops().take_child_end(held.handle(), &end, error.get());
    if (code != FD2_OK) return error.as_failure(code);
    return unique_fd(static_cast<int>(end));
}

bool core::set_terminal_size(const fd2_terminal_size& size) noexcept {
    const loan held(*this, true);
    const fd2_terminal* const terminal = held ? held.plugin().terminal : nullptr;
    return terminal && terminal->set_size(held.handle(), &size, nullptr) == FD2_OK;
}

std::int32_t core::drive(std::uint32_t max_bytes, std::int64_t& deadline) noexcept {
    if (!handle_) return FD2_READY_ENDED;
    return backend_->plugin->pollable->on_ready(handle_, max_bytes, &deadline);
}

bool core::close_unstarted() noexcept {
    moving_.wait(true);
    if (!handle_) return true;
    // Other threads know of a channel once it was started; this one answers STATE then.
    if (ops().close(handle_) != FD2_OK) return false;
    const std::lock_guard lock(mutex_);
    handle_ = nullptr;
    return true;
}

/// Views may live long, and must keep neither the backend's threads nor what the owner's bell
/// holds. Requests are refused already.
void core::let_go() noexcept {
    shared_backend gone;
    std::function<void()> bell;
    try {
        gone = std::make_shared<const configured_backend>(backend_->plugin);
    } catch (const std::exception&) {
        return;  // out of memory: they stay as long as the view
    }
    const std::lock_guard lock(mutex_);
    gone.swap(backend_);
    setup.bell.swap(bell);
}

void core::abandon(std::shared_ptr<core> self) noexcept {
    report_fault("did not end within 10 s of finish; abandoned");
    muted.store(true, std::memory_order_release);
    const std::lock_guard lock(mutex_);
    rarely().kept = std::move(self);
}

bool core::join_and_close(nanoseconds_t deadline) noexcept {
    fd2_channel* handle = nullptr;
    {
        const loan held(*this, true);
        if (!held) return true;
        const std::int32_t code = held.ops().join(held.handle(), deadline);
        if (code == FD2_E_TIMEDOUT) return false;
        if (code != FD2_OK) report_fault("join failed on a running channel");
        handle = held.handle();
    }
    {
        // A late `resume` must not meet the close. (What has ended is not moved.)
        const std::lock_guard lock(mutex_);
        handle_ = nullptr;
    }
    wait_for_return(lent_);
    if (ops().close(handle) != FD2_OK) report_fault("close failed after join");
    return true;
}

// ---- any thread's calls

std::shared_ptr<const loaded_plugin> core::plugin() const noexcept {
    const std::lock_guard lock(mutex_);
    return backend_->plugin;
}

shared_backend core::configured() const noexcept {
    const std::lock_guard lock(mutex_);
    return backend_;
}

fd2_info core::info() const noexcept {
    fd2_info told{};
    told.struct_size = sizeof(told);
    if (const loan held(*this); held) {
        (void)held.ops().info(held.handle(), &told);
        return told;
    }
    const std::lock_guard lock(mutex_);
    return moving_ && rare_ ? rare_->last_info : told;
}

void core::resume(pause_source who) noexcept {
    const std::uint32_t before = pauses_.fetch_and(~bit(who), std::memory_order_acq_rel);
    const bool last = (before & bit(who)) != 0 && (before & ~bit(who)) == 0;
    if (!last) return;
    if (const loan held(*this); held) (void)held.ops().resume(held.handle());
}

void core::finish(finish_mode mode) noexcept {
    for (;;) {
        if (const loan held(*this); held) {
            (void)held.ops().finish(held.handle(), static_cast<std::int32_t>(mode));
            return;
        }
        const std::lock_guard lock(mutex_);
        // The mover has made room for it.
        if (moving_ && rare_->finish_asked != finish_mode::now) rare_->finish_asked = mode;
        if (moving_ || !handle_) return;
    }
}

void core::report_fault(const char* what) noexcept {
    if (!setup.watch) return;
    setup.watch->on_event({severity::error, what, plugin()->id, number, 0});
}

// ---- moving

hand_over_result core::move_to(const shared_backend& to, int* watched) {
    if (!to->plugin->handover) return cannot_move(*to);
    const fd2_info before = info();
    shared_backend from;
    fd2_channel* handle = nullptr;
    hand_over done{{}, to->plugin->id, to->plugin->file, 0, 0};
    {
        const std::lock_guard lock(mutex_);
        if (!handle_ || ended.load(std::memory_order_acquire)) return not_now("it has ended");
        if (moving_) return not_now("it is already being moved");
        if (setup.polled && !watched) return not_now("only its own event loop may move it");
        if (!backend_->plugin->handover) return cannot_move(*backend_);
        rarely().last_info = before;
        done.from = backend_->plugin->id;
        from = backend_;
        handle = handle_;
        moving_ = true;
    }
    // From here to `settle` nothing allocates: a lack of memory must not leave the channel between
    // two backends.
    wait_for_return(lent_);
    done.began = now();
    fd2_carry carry{};
    carry.struct_size = sizeof(carry);
    call_error refusal;
    std::int32_t refused = from->plugin->handover->release(handle, &carry, refusal.get());
    if (refused != FD2_OK) {
        settle(from, handle, false);
        if (refused == FD2_E_STATE) return not_now("it is ending");
        return refusal.as_failure(refused);
    }
    // Nobody reads now. The new backend may deliver long before this thread gets a processor again.
    const nanoseconds_t last = std::max(done.began, last_byte.load(std::memory_order_relaxed));
    rare_->first_bytes.store(0);
    int fresh_watched = -1;
    fd2_channel* taken = nullptr;
    refused = adopt(*to, carry, taken, fresh_watched, refusal);
    call_error loss;
    std::int32_t lost = FD2_OK;
    if (refused != FD2_OK) lost = adopt(*from, carry, taken, fresh_watched, loss);
    if (from->plugin->backend->channel->close(handle) != FD2_OK)
        report_fault("close failed after release");
    if (lost != FD2_OK) {
        strand(loss.sys_errno(), unique_fd(static_cast<int>(carry.read)));
        failure why = refusal.as_failure(refused);
        why.code = errc::internal;
        why.message +=
            "; backend " + done.from + " did not take it back: " + text_of(loss.as_failure(lost));
        return why;
    }
    if (watched) *watched = fresh_watched;
    const nanoseconds_t first = rare_->first_bytes.load();
    done.pause = (first != 0 ? first : now()) - last;
    settle(refused == FD2_OK ? to : from, taken, (carry.flags & FD2_CARRY_PAUSED) != 0);
    if (refused != FD2_OK) return refusal.as_failure(refused);
    return done;
}

/// A running channel of `by` over the carried object, which is the carry's again if there is none.
std::int32_t core::adopt(const configured_backend& by, fd2_carry& carry, fd2_channel*& made,
                         int& watched, call_error& error) noexcept {
    const fd2_sink into = sink();
    const fd2_handover& table = *by.plugin->handover;
    std::int32_t code =
        table.adopt(by.instance->instance(), &by.options->table, &carry, &into, &made, error.get());
    if (code != FD2_OK) return code;
    code = start_on(by, made, watched, error);
    if (code == FD2_OK) return code;
    fd2_carry back{};
    back.struct_size = sizeof(back);
    if (table.release(made, &back, nullptr) == FD2_OK) {
        carry.read = back.read;
    } else {
        carry.read = FD2_NATIVE_NONE;  // closed with the channel
    }
    (void)by.plugin->backend->channel->close(made);
    return code;
}

/// The channel has a backend again. `paused`: that one waits for a `resume`.
void core::settle(const shared_backend& by, fd2_channel* handle, bool paused) noexcept {
    std::optional<finish_mode> asked;
    {
        const std::lock_guard lock(mutex_);
        backend_ = by;
        handle_ = handle;
        asked = std::exchange(rare_->finish_asked, std::nullopt);
        moving_ = false;
    }
    moving_.notify_all();
    // A resume that came meanwhile has found nobody. One that is superfluous costs little.
    if (paused && pauses_.load(std::memory_order_acquire) == 0) {
        if (const loan held(*this); held) (void)held.ops().resume(held.handle());
    }
    if (asked) finish(*asked);
}

/// No backend reads the object any more. It stays open: closed, it would cost the command a SIGPIPE
/// at its next message.
void core::strand(int sys_errno, unique_fd read) noexcept {
    failed.store(true, std::memory_order_relaxed);
    end(end_kind::error, sys_errno);
    {
        const std::lock_guard lock(mutex_);
        handle_ = nullptr;
        rare_->stranded = std::move(read);
        moving_ = false;  // the owner, who may destroy what `end` tells, waits for this
    }
    moving_.notify_all();
}

void core::ask_loop(request wanted) {
    bool refused = false;
    {
        const std::lock_guard lock(mutex_);
        refused = closed_to_requests_;
        if (!refused) {
            rarely().requests.push_back(std::move(wanted));
            asked_.store(true, std::memory_order_release);
            if (setup.bell) setup.bell();
        }
    }
    if (refused) wanted.done(not_now("it has ended"));
}

std::optional<core::request> core::next_request() {
    const std::lock_guard lock(mutex_);
    if (!rare_ || rare_->requests.empty()) return std::nullopt;
    request first = std::move(rare_->requests.front());
    rare_->requests.erase(rare_->requests.begin());
    asked_.store(!rare_->requests.empty(), std::memory_order_release);
    return first;
}

void core::refuse_requests() {
    std::vector<request> refused;
    {
        const std::lock_guard lock(mutex_);
        closed_to_requests_ = true;
        if (rare_) refused.swap(rare_->requests);
    }
    for (auto& one : refused) one.done(not_now("it has ended"));
}

}  // namespace fd2::channel
