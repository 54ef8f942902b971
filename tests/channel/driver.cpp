#include "driver.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <sstream>
#include <stdexcept>
#include <utility>

#ifndef FD2_TEST_BACKENDS
#error "FD2_TEST_BACKENDS: the plugin files to test, separated by ':'"
#endif

namespace channel_suite {

namespace {
constexpr int most_loops = 2;  // of any backend as configured (CMakeLists.txt)
}

// ---- backends ---------------------------------------------------------------------------------

backend::backend(std::shared_ptr<const fd2::loader::plugin> plugin, const std::string& configured)
    : plugin_(std::move(plugin)), id_(plugin_->id) {
    if (!configured.empty()) id_ += " " + configured;
    std::stringstream pairs(configured);
    for (std::string pair; std::getline(pairs, pair, '&');) {
        const auto sign = pair.find('=');
        configure(pair.substr(0, sign), pair.substr(sign + 1));
    }
    host_.struct_size = sizeof(host_);
    host_.ctx = this;
    host_.log = log;
    fd2_error error = blank_error();
    if (table().init(&host_, &instance_, &error) != FD2_OK) throw std::runtime_error(error.message);

    recorder unused;
    const fd2_sink sink = unused.sink();
    const auto options = with_configured({});
    const fd2_options given{sizeof(fd2_options), static_cast<std::uint32_t>(options.size()),
                            sizeof(fd2_option), 0, options.data()};
    // Each event loop is made with the first channel that it drives, once for all: here, so that
    // tests that count descriptors and threads see what a channel costs.
    for (int i = 0; i < most_loops; ++i) {
        fd2_channel* channel = nullptr;
        if (table().open(instance_, &given, &sink, &channel, &error) != FD2_OK ||
            ops().start(channel, &error) != FD2_OK) {
            throw std::runtime_error(id_ + ": " + error.message);
        }
        kind_.struct_size = sizeof(kind_);
        (void)ops().info(channel, &kind_);
        (void)ops().finish(channel, FD2_FINISH_NOW);
        (void)ops().join(channel, fd2::never);
        (void)ops().close(channel);
    }
}

void backend::configure(const std::string& name, const std::string& value) {
    for (std::uint32_t i = 0; i < table().option_count; ++i) {
        const auto& spec = table().options[i];
        if (name != spec.name) continue;
        const bool word = spec.type == FD2_OPTION_ENUM;
        words_.push_back(value);
        configured_.push_back({sizeof(fd2_option), spec.type, spec.name,
                               word ? words_.back().c_str() : nullptr,
                               word ? 0 : std::stoll(value)});
        return;
    }
    throw std::runtime_error(id_ + ": no option " + name);
}

std::vector<fd2_option> backend::with_configured(std::vector<fd2_option> given) const {
    for (const auto& each : configured_) {
        const bool named = std::any_of(given.begin(), given.end(), [&](const fd2_option& other) {
            return std::string_view(other.name) == each.name;
        });
        if (!named) given.push_back(each);
    }
    return given;
}

backend::~backend() {
    (void)table().deinit(instance_);
}

void backend::log(void* ctx, std::int32_t, const char* message, std::uint32_t size) {
    auto& self = *static_cast<backend*>(ctx);
    const std::lock_guard lock(self.mutex_);
    self.said_.append(message, size) += "\n";
}

std::string backend::said() const {
    const std::lock_guard lock(mutex_);
    return std::exchange(said_, {});
}

const std::vector<std::shared_ptr<backend>>& backends() {
    static const std::vector<std::shared_ptr<backend>> all = [] {
        const char* given = std::getenv("FD2_TEST_BACKENDS");
        std::stringstream files(given != nullptr ? given : FD2_TEST_BACKENDS);
        std::vector<std::shared_ptr<backend>> loaded;
        fd2::loader::loader from({}, {});
        for (std::string file; std::getline(files, file, ':');) {
            const auto mark = file.find('?');
            auto plugin = from.load(file.substr(0, mark), fd2::loader::trust::callers);
            if (!plugin) throw std::runtime_error(plugin.error().message);
            loaded.push_back(std::make_shared<backend>(
                *plugin, mark == std::string::npos ? "" : file.substr(mark + 1)));
        }
        if (loaded.empty()) throw std::runtime_error("FD2_TEST_BACKENDS names no backend");
        return loaded;
    }();
    return all;
}

std::ostream& operator<<(std::ostream& out, const variant& v) {
    return out << v.of->id() << (v.by == way::thread ? ", own thread" : ", polled");
}

std::vector<variant> variants() {
    std::vector<variant> all;
    for (const auto& each : backends()) {
        all.push_back({each, way::thread});
        if (each->pollable() != nullptr) all.push_back({each, way::poll});
    }
    return all;
}

fd2_error blank_error() {
    fd2_error error{};
    error.struct_size = sizeof(error);
    return error;
}

// ---- one channel ------------------------------------------------------------------------------

driver::driver(variant v, recorder& into, const std::vector<fd2_option>& given)
    : v_(std::move(v)), error_(blank_error()) {
    const auto options = v_.of->with_configured(given);
    const fd2_options table{sizeof(fd2_options), static_cast<std::uint32_t>(options.size()),
                            sizeof(fd2_option), 0, options.data()};
    const fd2_sink sink = into.sink();
    code_ = v_.of->table().open(v_.of->instance(), options.empty() ? nullptr : &table, &sink,
                                &channel_, &error_);
}

driver::driver(variant v, recorder& into, const fd2_carry& carry)
    : v_(std::move(v)), error_(blank_error()) {
    const fd2_sink sink = into.sink();
    code_ = v_.of->handover()->adopt(v_.of->instance(), nullptr, &carry, &sink, &channel_, &error_);
}

driver::~driver() {
    if (channel_ == nullptr) return;
    if (started_) {
        (void)finish(FD2_FINISH_NOW);
        (void)join(fd2::never);
    }
    (void)close();
}

std::int32_t driver::start() {
    if (v_.by == way::thread) {
        const std::int32_t code = ops().start(channel_, &error_);
        started_ = started_ || code == FD2_OK;
        return code;
    }
    const std::int32_t code = v_.of->pollable()->attach_poll(channel_, &watched_, &error_);
    if (code != FD2_OK) return code;
    wake_.reset(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    REQUIRE(wake_);
    started_ = true;
    thread_ = std::thread([this] { loop(); });
    return code;
}

void driver::kick() {
    kicked_ = true;
    const std::uint64_t one = 1;
    if (wake_ && ::write(wake_.get(), &one, sizeof(one)) < 0) return;
}

void driver::loop() {
    std::int64_t deadline = -1;
    bool armed = true;
    bool due = false;
    std::unique_lock strand(strand_);
    while (!stopping_) {
        if (due || kicked_.exchange(false)) {
            const std::int32_t answer = v_.of->pollable()->on_ready(channel_, 64 * 1024, &deadline);
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
        pollfd waiting[2] = {{wake_.get(), POLLIN, 0}, {static_cast<int>(watched_), POLLIN, 0}};
        timespec left{};
        if (deadline >= 0) {
            const auto ns = std::max<std::int64_t>(0, deadline - fd2::now());
            left = {static_cast<time_t>(ns / fd2::second), static_cast<long>(ns % fd2::second)};
        }
        const int ready = ::ppoll(waiting, armed ? 2 : 1, deadline >= 0 ? &left : nullptr, nullptr);
        std::uint64_t rung;
        if (ready > 0 && waiting[0].revents != 0) (void)!::read(wake_.get(), &rung, sizeof(rung));
        due = (deadline >= 0 && fd2::now() >= deadline) ||
              (ready > 0 && armed && waiting[1].revents != 0);
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

fd2::unique_fd driver::take_child_end() {
    const auto strand = enter();
    fd2_native out = FD2_NATIVE_NONE;
    if (ops().take_child_end(channel_, &out, &error_) != FD2_OK) out = FD2_NATIVE_NONE;
    return fd2::unique_fd(static_cast<int>(out));
}

std::int32_t driver::resume() {
    if (v_.by == way::thread) return ops().resume(channel_);
    const auto strand = enter();
    const std::int32_t code = ops().resume(channel_);
    kick();
    return code;
}

std::int32_t driver::finish(std::int32_t mode) {
    if (v_.by == way::thread) return ops().finish(channel_, mode);
    const auto strand = enter();
    const std::int32_t code = ops().finish(channel_, mode);
    kick();
    ended_.notify_all();
    return code;
}

std::int32_t driver::join(fd2::nanoseconds_t deadline) {
    if (v_.by == way::thread) return ops().join(channel_, deadline);
    const std::chrono::steady_clock::time_point until{std::chrono::nanoseconds(deadline)};
    auto strand = enter();
    for (;;) {
        const std::int32_t code = ops().join(channel_, deadline);
        if (code != FD2_E_STATE || !started_) return code;
        if (fd2::now() >= deadline) return FD2_E_TIMEDOUT;
        if (deadline == fd2::never) {
            ended_.wait(strand);
        } else {
            (void)ended_.wait_until(strand, until);
        }
    }
}

std::int32_t driver::release(fd2_carry& out) {
    stop_loop();  // disarmed first: a registration may outlive the descriptor
    out.struct_size = sizeof(out);
    const std::int32_t code = v_.of->handover()->release(channel_, &out, &error_);
    if (code == FD2_OK) started_ = false;
    if (code != FD2_OK && v_.by == way::poll && started_) {
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
        wake_.reset();
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

std::unique_ptr<driver> started(variant v, recorder& into, const std::vector<fd2_option>& options) {
    auto made = std::make_unique<driver>(std::move(v), into, options);
    INFO(made->error().message);
    REQUIRE(made->code() == FD2_OK);
    REQUIRE(made->start() == FD2_OK);
    return made;
}

}  // namespace channel_suite
