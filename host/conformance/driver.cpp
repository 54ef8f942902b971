#include "conformance/driver.hpp"

#include <chrono>
#include <utility>

#include "conformance/world.hpp"

namespace fd2::conformance {

driver::driver(variant v, recorder& into, const std::vector<fd2_option>& given)
    : v_(std::move(v)), error_(blank_error()) {
    const auto options = v_.tested->with_configured(given);
    const fd2_options table{sizeof(fd2_options), static_cast<std::uint32_t>(options.size()),
                            sizeof(fd2_option), 0, options.data()};
    const fd2_sink sink = into.sink();
    code_ = v_.tested->table().open(v_.tested->instance(), options.empty() ? nullptr : &table,
                                    &sink, &channel_, &error_);
}

driver::driver(variant v, recorder& into, const fd2_carry& carry)
    : v_(std::move(v)), error_(blank_error()) {
    const fd2_sink sink = into.sink();
    code_ = v_.tested->handover()->adopt(v_.tested->instance(), nullptr, &carry, &sink, &channel_,
                                         &error_);
}

driver::~driver() {
    if (channel_ == nullptr) return;
    if (started_) {
        (void)finish(FD2_FINISH_NOW);
        (void)join(never);
    }
    (void)close();
}

std::int32_t driver::start() {
    if (v_.driven == way::thread) {
        const std::int32_t code = ops().start(channel_, &error_);
        started_ = started_ || code == FD2_OK;
        return code;
    }
    const std::int32_t code = v_.tested->pollable()->attach_poll(channel_, &watched_, &error_);
    if (code != FD2_OK) return code;
    poller_ = std::make_unique<poller>();
    REQUIRE(poller_->good());
    started_ = true;
    thread_ = std::thread([this] { loop(); });
    return code;
}

void driver::kick() {
    kicked_ = true;
    if (poller_) poller_->ring();
}

void driver::loop() {
    std::int64_t deadline = -1;
    bool armed = true;
    bool due = false;
    std::unique_lock strand(strand_);
    while (!stopping_) {
        if (due || kicked_.exchange(false)) {
            const std::int32_t answer =
                v_.tested->pollable()->on_ready(channel_, 64 * 1024, &deadline);
            armed = answer == FD2_READY_WAIT;
            due = false;
            if (answer == FD2_READY_AGAIN) kicked_ = true;
            if (answer == FD2_READY_ENDED || answer < 0) break;
        }
        strand.unlock();
        while (wanted_ != 0) std::this_thread::yield();
        if (kicked_) {
            strand.lock();
            continue;
        }
        const bool ready = poller_->wait(armed ? watched_ : FD2_NATIVE_NONE, deadline);
        due = (deadline >= 0 && now() >= deadline) || ready;
        strand.lock();
    }
    ended_.notify_all();
}

std::unique_lock<std::recursive_mutex> driver::enter() {
    ++wanted_;
    std::unique_lock strand(strand_);
    --wanted_;
    return strand;
}

void driver::stop_loop() {
    if (!thread_.joinable()) return;
    stopping_ = true;
    kick();
    thread_.join();
}

unique_fd driver::take_child_end() {
    const auto strand = enter();
    fd2_native out = FD2_NATIVE_NONE;
    if (ops().take_child_end(channel_, &out, &error_) != FD2_OK) out = FD2_NATIVE_NONE;
    return unique_fd(static_cast<int>(out));
}

std::int32_t driver::resume() {
    if (v_.driven == way::thread) return ops().resume(channel_);
    const auto strand = enter();
    const std::int32_t code = ops().resume(channel_);
    kick();
    return code;
}

std::int32_t driver::finish(std::int32_t mode) {
    if (v_.driven == way::thread) return ops().finish(channel_, mode);
    const auto strand = enter();
    const std::int32_t code = ops().finish(channel_, mode);
    kick();
    ended_.notify_all();
    return code;
}

std::int32_t driver::join(nanoseconds_t deadline) {
    if (v_.driven == way::thread) return ops().join(channel_, deadline);
    const std::chrono::steady_clock::time_point until{std::chrono::nanoseconds(deadline)};
    auto strand = enter();
    for (;;) {
        const std::int32_t code = ops().join(channel_, deadline);
        if (code != FD2_E_STATE || !started_) return code;
        if (now() >= deadline) return FD2_E_TIMEDOUT;
        if (deadline == never) {
            ended_.wait(strand);
        } else {
            (void)ended_.wait_until(strand, until);
        }
    }
}

std::int32_t driver::release(fd2_carry& out) {
    stop_loop();  // disarmed first: a registration may outlive the descriptor
    out.struct_size = sizeof(out);
    const std::int32_t code = v_.tested->handover()->release(channel_, &out, &error_);
    if (code == FD2_OK) started_ = false;
    if (code != FD2_OK && v_.driven == way::poll && started_) {
        stopping_ = false;
        thread_ = std::thread([this] { loop(); });
    }
    return code;
}

std::int32_t driver::close() {
    stop_loop();
    const std::int32_t code = ops().close(channel_);
    if (code == FD2_OK) {
        channel_ = nullptr;
        poller_.reset();
    }
    return code;
}

fd2_info driver::info() const {
    fd2_info out{};
    out.struct_size = sizeof(out);
    REQUIRE(ops().info(channel_, &out) == FD2_OK);
    return out;
}

void driver::wind_up(std::int32_t mode, recorder& into) {
    CHECK(finish(mode) == FD2_OK);
    CHECK(join(hang()) == FD2_OK);
    CHECK(close() == FD2_OK);
    CHECK(into.ends() == 1);
    CHECK(into.violations() == "");
}

void settle(const driver& channel) {
    const auto until = hang();
    std::uint64_t last = ~std::uint64_t{0};
    while (now() < until) {
        const auto info = channel.info();
        if (info.reads + info.wakeups == last) return;
        last = info.reads + info.wakeups;
        wait_for_quiet();
    }
}

std::unique_ptr<driver> started(variant v, recorder& into, const std::vector<fd2_option>& options) {
    auto made = std::make_unique<driver>(std::move(v), into, options);
    INFO(made->error().message);
    REQUIRE(made->code() == FD2_OK);
    REQUIRE(made->start() == FD2_OK);
    return made;
}

}  // namespace fd2::conformance
