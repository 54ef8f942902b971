// A good backend with one defect, which the linker picks: `fd2_defect` is the id of the check that
// must find it, "none", or one of the R's of tool_test.py, which ill-treat the tool itself. It is
// over a pipe, unless the defect needs a socket. The defects of group S are the file's: it is
// linked in another way (CMakeLists.txt), or changed afterwards (damage.py). Everything goes
// through the drain kit; a defect sits between the kit and the host, at the tables that the host
// calls and the sink that the kit calls.
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <mutex>
#include <thread>

#include "fd2/drain.h"
#include "fd2/ext/terminal.h"
#include "media/tcp_medium.linux.hpp"

extern "C" const char fd2_defect[];

namespace {

bool has(const char* id) {
    return std::strcmp(fd2_defect, id) == 0;
}

// ---- what stands between the kit and the host ------------------------------------------------

/// Beside each channel.
struct shadow {
    fd2_sink sink{};                     // the host's
    const fd2_sink* borrowed = nullptr;  // C04
    fd2_channel* channel = nullptr;
    int read_end = -1;
    fd2_native kept_end = FD2_NATIVE_NONE;
    std::thread extra;
    std::atomic<bool> extra_stops{false};
    pid_t opened_by = ::gettid();
    std::atomic<std::thread::id> inside{};  // the thread that runs a callback
    std::atomic<std::uint64_t> total{0};
    std::atomic<int> permits{0};
    std::atomic<int> joins{0};
    std::atomic<int> drained{0};  // deliveries since finish(drain)
    std::atomic<bool> polled{false};
    std::atomic<bool> adopted{false};
    std::atomic<bool> started{false};
    std::atomic<bool> starting{false};
    std::atomic<bool> taken{false};
    std::atomic<bool> paused{false};
    std::atomic<bool> was_paused{false};
    std::atomic<bool> draining{false};
    std::atomic<bool> late_drain{false};
    std::atomic<bool> stopped{false};
    std::atomic<bool> finishing{false};  // inside finish(now)
    std::atomic<bool> ended{false};
    std::atomic<bool> released{false};
    std::atomic<bool> refused{false};  // Z01: a start
    bool holds_back = false;           // K11
    bool half = false;                 // B17
    std::uint32_t writers = 0;         // B11
    std::int64_t last = 0;             // T06
    std::int32_t owed_reason = 0;
};

std::mutex guard;
// Never destroyed: the process may end while channels are running.
auto& shadows = *new std::map<const fd2_channel*, std::shared_ptr<shadow>>;
std::mutex everybodys;          // K11
std::recursive_mutex callback;  // T08

std::shared_ptr<shadow> of(const fd2_channel* channel) {
    const std::lock_guard lock(guard);
    const auto found = shadows.find(channel);
    return found == shadows.end() ? nullptr : found->second;
}

std::size_t open_channels() {
    const std::lock_guard lock(guard);
    return shadows.size();
}

bool inside(const shadow& one) {
    return one.inside.load() == std::this_thread::get_id();
}

/// A thread that a defect needs: named, without signals, gone with the channel.
void add_thread(shadow& one, bool proper, long period_ns) {
    sigset_t all, before;
    ::sigfillset(&all);
    ::pthread_sigmask(proper ? SIG_SETMASK : SIG_UNBLOCK, &all, &before);
    one.extra = std::thread([&one, proper, period_ns] {
        if (proper) ::prctl(PR_SET_NAME, "fd2-mutant", 0, 0, 0);
        const timespec nap{0, period_ns};
        while (!one.extra_stops) ::nanosleep(&nap, nullptr);
    });
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

// ---- the sink ----------------------------------------------------------------------------------

void drop(std::uint8_t* data, std::uint32_t& size, std::uint32_t at) {
    std::memmove(data + at, data + at + 1, size - at - 1);
    --size;
}

/// B11: whether this channel has had bytes of all the eight writers of that check, and nothing
/// else. `writers` has a bit for each, and one for bytes that no writer of it sends.
bool of_eight_writers(std::uint32_t& writers, const std::uint8_t* data, std::uint32_t size) {
    for (std::uint32_t i = 0; i < size; ++i) writers |= 1U << (data[i] >> 4U);
    return writers == 0x1feU;
}

std::int32_t on_bytes(void* ctx, const std::uint8_t* given, std::uint32_t size) {
    auto& one = *static_cast<shadow*>(ctx);
    auto* data = const_cast<std::uint8_t*>(given);  // the kit's or the host's, writable both
    const std::uint64_t before = one.total.fetch_add(size);
    const bool draining = one.draining;
    if (draining) ++one.drained;
    if (has("B01")) {
        for (std::uint32_t i = 0; i < size; ++i) data[i] = data[i] < 0x80 ? data[i] : '?';
    }
    if (has("B05") && before < (1U << 21) && before + size >= (1U << 21)) drop(data, size, 0);
    if (has("B06") && size % 4096 == 1 && size > 1) --size;
    if (has("B07") && size % 7 == 3) std::swap(data[0], data[size - 1]);
    if (has("B08") && draining && one.drained > 1) size = 0;
    if (has("B12") && size >= 6 && std::memcmp(data + size - 6, " three", 6) == 0) size -= 6;
    if (has("B20") && before <= 77777 && before + size > 77777) {
        drop(data, size, static_cast<std::uint32_t>(77777 - before));
    }
    if (has("G03") && size >= 5 && std::memcmp(data, "seven", 5) == 0) --size;
    if (has("B13") && size >= 6 && std::memcmp(data, "async ", 6) == 0) data[0] = 'A';
    if (has("B14") && size >= 6 && std::memcmp(data, "passed", 6) == 0) --size;
    if (has("B17")) one.half = size >= 4 && std::memcmp(data, "half", 4) == 0;
    if (has("B11") && of_eight_writers(one.writers, data, size)) --size;
    if (has("T06")) {
        const std::int64_t present = fd2_drain_clock();
        if (before == 200000 && present - one.last > 25'000'000) drop(data, size, 0);
        one.last = present;
    }
    if (has("H07") && size >= 200) {
        std::uint8_t half[100];
        std::memcpy(half, data, 100);
        std::memmove(data, data + size - 100, 100);
        std::memcpy(data + size - 100, half, 100);
    }
    if (has("G17") && open_channels() > 50) data[0] = 'X';
    if (has("K16") && draining && before > 8192) size = 0;
    if (size == 0) return FD2_CONTINUE;
    if (has("K04") && one.late_drain && size < 4096) {
        one.late_drain = false;
        (void)fd2_drain_finish(one.channel, FD2_FINISH_DRAIN);
    }
    if (has("K11") && !one.holds_back) {
        everybodys.lock();
        one.holds_back = true;
    }
    const fd2_sink& sink = has("C04") && one.borrowed != nullptr ? *one.borrowed : one.sink;
    one.inside = std::this_thread::get_id();
    if (has("T08")) callback.lock();
    std::int32_t verdict = sink.on_bytes(sink.ctx, data, size);
    if (has("T08")) callback.unlock();
    one.inside = std::thread::id();
    if (has("K11") && one.holds_back && size < 4096) {
        one.holds_back = false;
        everybodys.unlock();
    }
    if (has("G14") && verdict == FD2_STOP) verdict = FD2_CONTINUE;
    if (verdict == FD2_PAUSE) {
        one.was_paused = true;
        if (has("B21")) return FD2_CONTINUE;
        if ((has("B22") || has("B24")) && one.permits > 0) {
            --one.permits;
            return FD2_CONTINUE;
        }
        one.paused = true;
    }
    return verdict;
}

void on_end(void* ctx, std::int32_t reason, std::int32_t sys_errno) {
    auto& one = *static_cast<shadow*>(ctx);
    if (has("K15") && one.was_paused && reason == FD2_END_EOF) reason = FD2_END_DRAINED;
    if (has("K17") && one.draining && reason == FD2_END_EOF) reason = FD2_END_DRAINED;
    if (has("B17") && one.half) reason = FD2_END_DRAINED;
    if (has("G23") && one.polled && one.finishing && !inside(one)) {
        one.owed_reason = reason;
        return;
    }
    one.ended = true;
    if (has("T15")) add_thread(one, true, 10'000'000);
    one.inside = std::this_thread::get_id();
    const fd2_sink& sink = has("C04") && one.borrowed != nullptr ? *one.borrowed : one.sink;
    sink.on_end(sink.ctx, reason, sys_errno);
    one.inside = std::thread::id();
}

std::int32_t reserve(void* ctx, std::uint8_t** data, std::uint32_t* cap) {
    auto& one = *static_cast<shadow*>(ctx);
    if (one.sink.struct_size < sizeof(fd2_sink) || one.sink.reserve == nullptr) {
        return FD2_E_RESOURCE;
    }
    return one.sink.reserve(one.sink.ctx, data, cap);
}

// ---- the channel -------------------------------------------------------------------------------

std::int32_t info(const fd2_channel* channel, fd2_info* out) {
    if ((has("E08") || has("R11")) && channel == nullptr) return FD2_OK;
    if (has("T08")) {
        const std::lock_guard lock(callback);
        return fd2_drain_info(channel, out);
    }
    if (has("N09") && channel != nullptr && out != nullptr && out->struct_size >= 4) {
        const std::uint32_t size = out->struct_size;
        fd2_info whole{};
        whole.struct_size = sizeof(whole);
        const std::int32_t code = fd2_drain_info(channel, &whole);
        if (whole.struct_size > size) whole.struct_size = size;
        std::memcpy(out, &whole, sizeof(whole));
        return code;
    }
    const std::int32_t code = fd2_drain_info(channel, out);
    const auto one = of(channel);
    if (has("H17") && code == FD2_OK && one && one->started) out->caps &= ~FD2_CAP_COMPACT;
    return code;
}

std::int32_t start(fd2_channel* channel, fd2_error* error) {
    const auto one = of(channel);
    if (has("R11") && channel == nullptr) ::pause();
    if (!one) return fd2_drain_start(channel, error);
    if (has("G13") && one->opened_by != ::gettid()) {
        return fd2_fail(error, FD2_E_STATE, 0, "start", "another thread");
    }
    if (has("G11") && !one->taken && !one->adopted) {
        fd2_native end = FD2_NATIVE_NONE;
        if (fd2_drain_take_child_end(channel, &end, nullptr) == FD2_OK) {
            ::close(static_cast<int>(end));
        }
    }
    int waiting = 0;
    char byte = 0;
    if (has("B26") && ::ioctl(one->read_end, FIONREAD, &waiting) == 0 && waiting == 5) {
        (void)!::read(one->read_end, &byte, 1);
    }
    pollfd ended{one->read_end, 0, 0};
    if (has("F13") && ::poll(&ended, 1, 0) > 0) {
        return fd2_fail(error, FD2_E_INTERNAL, 0, "start", "no writer");
    }
    one->starting = true;
    std::int32_t code = fd2_drain_start(channel, error);
    if (has("G26")) ::usleep(1000);  // so that the end is told meanwhile
    one->starting = false;
    if (code == FD2_OK) one->started = true;
    if (code == FD2_E_STATE) one->refused = true;
    if (code == FD2_OK && has("T03")) add_thread(*one, false, 10'000'000);
    if (code == FD2_OK && has("K24")) add_thread(*one, true, 1'000'000);
    if (code == FD2_OK && has("T14")) {
        sigset_t one_signal;
        ::sigemptyset(&one_signal);
        ::sigaddset(&one_signal, SIGUSR2);
        ::pthread_sigmask(SIG_BLOCK, &one_signal, nullptr);
    }
    if (has("T11") && code == FD2_E_RESOURCE) {
        code = fd2_fail(error, FD2_E_INTERNAL, 0, "start", "broken");
    }
    return code;
}

std::int32_t take_child_end(fd2_channel* channel, fd2_native* out, fd2_error* error) {
    const std::int32_t code = fd2_drain_take_child_end(channel, out, error);
    const auto one = of(channel);
    if (!one) return code;
    if (has("E02") && code == FD2_E_STATE && error == nullptr) ::raise(SIGSEGV);
    if (has("G02") && code == FD2_E_STATE && one->taken && out != nullptr) {
        *out = ::fcntl(one->read_end, F_DUPFD_CLOEXEC, 3);
        return FD2_OK;
    }
    if (code != FD2_OK) return code;
    one->taken = true;
    const auto end = static_cast<int>(*out);
    if (has("F14")) ::fcntl(end, F_SETFL, ::fcntl(end, F_GETFL) | O_NONBLOCK);
    if (has("F03")) one->kept_end = ::dup(end);
    return code;
}

std::int32_t resume(fd2_channel* channel) {
    const auto one = of(channel);
    if (!one) return fd2_drain_resume(channel);
    if (has("G18") && one->ended) return FD2_E_STATE;
    if ((has("K13") || has("B23")) && one->inside.load() != std::thread::id()) {
        if (has("K13") || inside(*one)) return FD2_OK;
    }
    if (has("B22")) one->permits = 1;
    if (has("B24")) ++one->permits;
    one->paused = false;
    return fd2_drain_resume(channel);
}

std::int32_t finish(fd2_channel* channel, std::int32_t mode) {
    const auto one = of(channel);
    if (!one) return fd2_drain_finish(channel, mode);
    const bool again = one->draining || one->stopped;
    if (has("G06") && again) return FD2_E_STATE;
    if (has("K07") && one->ended && !again) return FD2_E_STATE;
    if (has("K14") && one->paused) return FD2_OK;
    if (has("G15") && inside(*one)) return FD2_OK;
    if (has("K18") && mode == FD2_FINISH_NOW && one->draining) return FD2_OK;
    if (has("K19") && mode == FD2_FINISH_NOW && one->draining && inside(*one)) return FD2_OK;
    if (has("K01") && mode == FD2_FINISH_DRAIN) {
        int waiting = 0;
        ::ioctl(one->read_end, FIONREAD, &waiting);
        if (waiting == 0) return FD2_OK;
    }
    if (has("H04")) ::shutdown(one->read_end, SHUT_RD);
    if (has("K25") && mode == FD2_FINISH_DRAIN) ::usleep(50000);
    if (has("K12") && !inside(*one)) {
        const int kept = ::fcntl(one->read_end, F_DUPFD_CLOEXEC, 3);
        ::close(one->read_end);
        ::dup3(kept, one->read_end, O_CLOEXEC);
        ::close(kept);
    }
    if (has("K26") && mode == FD2_FINISH_NOW && one->paused) {
        char bytes[4096];
        while (::read(one->read_end, bytes, sizeof(bytes)) > 0) {
        }
    }
    if (mode == FD2_FINISH_DRAIN) one->draining = true;
    if (mode == FD2_FINISH_NOW) one->stopped = true;
    if (has("K02") && mode == FD2_FINISH_DRAIN) mode = FD2_FINISH_NOW;
    if (has("Z01") && one->refused && mode == FD2_FINISH_DRAIN) mode = FD2_FINISH_NOW;
    if (has("K20") && mode == FD2_FINISH_NOW) mode = FD2_FINISH_DRAIN;
    if (has("K04") && mode == FD2_FINISH_DRAIN) {
        int waiting = 0;
        ::ioctl(one->read_end, FIONREAD, &waiting);
        if (waiting >= 4096) {
            one->late_drain = true;
            return FD2_OK;
        }
    }
    one->finishing = mode == FD2_FINISH_NOW;
    const std::int32_t code = fd2_drain_finish(channel, mode);
    one->finishing = false;
    return code;
}

std::int32_t join(fd2_channel* channel, std::int64_t deadline) {
    const auto one = of(channel);
    if (!one) return fd2_drain_join(channel, deadline);
    // Not after finish(now): so ends the channel of `describe`, without which no check is run.
    if (has("G07") && one->ended && !one->stopped) return FD2_OK;
    if (has("G08") && !one->ended && !one->polled && deadline != INT64_MAX && !one->draining &&
        !one->stopped && one->started) {
        return FD2_E_TIMEDOUT;
    }
    if (has("G26") && one->starting) return FD2_E_STATE;
    if (has("K09") && one->started && !one->ended && !one->polled && !inside(*one) &&
        ::usleep(2000) != 0) {
        return FD2_E_INTERNAL;
    }
    if (has("G27") && inside(*one)) return FD2_OK;
    const bool first = ++one->joins == 1;
    std::int32_t code = FD2_E_STATE;
    if (first || !has("G25")) code = fd2_drain_join(channel, deadline);
    --one->joins;
    if (has("G28") && one->polled && code == FD2_E_WOULD_DEADLOCK && !inside(*one)) {
        code = FD2_E_STATE;
    }
    return code;
}

std::int32_t close_channel(fd2_channel* channel) {
    const auto one = of(channel);
    if (!one) return fd2_drain_close(channel);
    if (has("G01") && !one->started && !one->adopted) {
        one->sink.on_end(one->sink.ctx, FD2_END_STOPPED, 0);
    }
    decltype(shadows.extract(channel)) entry;
    {
        // Out of the map before it can be made again at the same address.
        const std::lock_guard lock(guard);
        entry = shadows.extract(channel);
    }
    const std::int32_t code = fd2_drain_close(channel);
    if (code != FD2_OK) {
        const std::lock_guard lock(guard);
        shadows.insert(std::move(entry));
        return code;
    }
    if (has("F09") && !one->released) ::close(one->read_end);
    one->extra_stops = true;
    if (one->extra.joinable()) one->extra.join();
    if (one->kept_end != FD2_NATIVE_NONE) ::close(static_cast<int>(one->kept_end));
    return code;
}

std::int32_t attach_poll(fd2_channel* channel, fd2_native* out, fd2_error* error) {
    const std::int32_t code = fd2_drain_attach_poll(channel, out, error);
    const auto one = of(channel);
    if (one && code == FD2_OK) {
        one->polled = true;
        one->started = true;
        if (has("H01")) add_thread(*one, true, 10'000'000);
    }
    return code;
}

std::int32_t on_ready(fd2_channel* channel, std::uint32_t max_bytes, std::int64_t* deadline) {
    const auto one = of(channel);
    if (one && has("G23") && one->owed_reason != 0) {
        one->ended = true;
        one->sink.on_end(one->sink.ctx, one->owed_reason, 0);
        one->owed_reason = 0;
    }
    if (has("G24") && max_bytes != 0) max_bytes = UINT32_MAX;
    const std::int32_t answer = fd2_drain_on_ready(channel, max_bytes, deadline);
    if (has("G22") && answer == FD2_READY_ENDED && one && one->stopped) return FD2_READY_WAIT;
    if (has("K08") && answer == FD2_READY_PAUSED) return FD2_READY_WAIT;
    return answer;
}

// ---- hand-over ---------------------------------------------------------------------------------

std::int32_t release(fd2_channel* channel, fd2_carry* out, fd2_error* error) {
    const auto one = of(channel);
    if (!one) return fd2_drain_release(channel, out, error);
    if (has("X15") && one->adopted && !one->started) {
        return fd2_fail(error, FD2_E_STATE, 0, "release", "not started");
    }
    if (has("X16") && !one->taken && !one->adopted) {
        fd2_native end = FD2_NATIVE_NONE;
        if (fd2_drain_take_child_end(channel, &end, nullptr) == FD2_OK) {
            one->kept_end = FD2_NATIVE_NONE;  // open for ever
        }
    }
    std::int32_t code = fd2_drain_release(channel, out, error);
    if (code == FD2_E_STATE && has("X05") && one->ended && out != nullptr) {
        out->read = FD2_NATIVE_NONE;
        return FD2_OK;
    }
    if (code == FD2_E_STATE && has("X17") && one->released && out != nullptr) {
        out->read = ::fcntl(0, F_DUPFD_CLOEXEC, 3);
        return FD2_OK;
    }
    if (code != FD2_OK) return code;
    one->released = true;
    if (has("X01")) {
        char byte;
        (void)!::read(static_cast<int>(out->read), &byte, 1);
    }
    if (has("X02")) out->medium = FD2_MEDIUM_UNKNOWN;
    if (has("X14")) out->flags = 0;
    if (has("X18") && one->was_paused) out->flags = FD2_CARRY_PAUSED;
    if (has("X09")) one->sink.on_end(one->sink.ctx, FD2_END_STOPPED, 0);
    return code;
}

// ---- the object --------------------------------------------------------------------------------

bool over_tcp() {
    return has("K22") || has("K23");
}

/// The object of those.
struct over_loopback {
    using medium = fd2::plugin::tcp_medium<over_loopback>;
    static fd2::plugin::tcp_questions& questions(const fd2_instance& instance) noexcept {
        return *static_cast<fd2::plugin::tcp_questions*>(instance.own);
    }
};

std::uint64_t claims() {
    if (over_tcp()) return over_loopback::medium::caps;
    std::uint64_t caps = FD2_CAP_POLLABLE | FD2_CAP_WAKE | FD2_CAP_KEEPS_WRITERS | FD2_CAP_HANDOVER;
    if (!has("H04")) caps |= FD2_CAP_REOPENABLE | FD2_CAP_COMPACT | FD2_CAP_ATOMIC;
    if (has("B17")) caps &= ~(FD2_CAP_REOPENABLE | FD2_CAP_COMPACT);
    if (has("H05")) caps &= ~(FD2_CAP_COMPACT | FD2_CAP_ATOMIC);
    if (has("H10")) caps |= FD2_CAP_TTY;
    if (has("R14")) caps &= ~(FD2_CAP_POLLABLE | FD2_CAP_HANDOVER);
    if (has("R13")) caps = FD2_CAP_POLLABLE | FD2_CAP_HANDOVER;
    if (has("H02") || has("K11")) caps |= FD2_CAP_EVENT_LOOP;
    return caps;
}

bool over_sockets() {
    return has("H04") || has("H05") || has("B17");
}

const fd2_option_spec of_a_pipe[] = {{sizeof(fd2_option_spec), FD2_OPTION_BYTES, "capacity",
                                      "how much the pipe holds; 0 keeps the kernel's size", nullptr,
                                      nullptr, 0, 0, std::int64_t{1} << 30}};
const fd2_option_spec of_tcp[] = {over_loopback::medium::settle};

const fd2_option_spec* option_table() {
    return over_tcp() ? of_tcp : of_a_pipe;
}

/// K22 says of a kernel that tells what is under way that it does not, K23 the reverse.
fd2_drain_spec misjudged(fd2_drain_spec spec) {
    if (has("K22")) spec.flags |= FD2_INFO_SETTLES;
    if (has("K23")) spec.flags &= ~std::uint32_t{FD2_INFO_SETTLES};
    return spec;
}

std::int32_t describe(fd2_instance* instance, const fd2_options* options, int read_end,
                      fd2_drain_spec& spec, fd2_error* error) {
    if (over_tcp()) {
        if (instance == nullptr) return fd2_fail(error, FD2_E_INVALID, 0, "open", "no instance");
        spec = {};
        spec.thread_name = "fd2-mutant";
        spec.read_end = read_end;
        spec.child_end = FD2_NATIVE_NONE;
        spec.caps = claims();
        const std::int32_t code =
            over_loopback::medium::describe(*instance, read_end, options, spec, error);
        spec = misjudged(spec);
        return code;
    }
    struct stat status {};
    const int flags = ::fcntl(read_end, F_GETFL);
    const bool ours =
        flags >= 0 && ::fstat(read_end, &status) == 0 &&
        (over_sockets() ? S_ISSOCK(status.st_mode)
                        : S_ISFIFO(status.st_mode) && (flags & O_ACCMODE) != O_WRONLY);
    if (!ours && !has("X07")) {
        return fd2_fail(error, FD2_E_UNSUPPORTED, 0, "adopt", "of another kind");
    }
    char name[32] = "";
    if (has("R15")) {
        static std::atomic<unsigned> turn{0};
        std::snprintf(name, sizeof(name), "left-%u", ++turn);
        const int made = ::open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        if (made >= 0) ::close(made);
    }
    if (::fcntl(read_end, F_SETFL, flags | O_NONBLOCK) != 0 && !has("R14")) {
        return fd2_fail(error, fd2_code_of_errno(errno), errno, "fcntl", "O_NONBLOCK");
    }
    if (has("R15")) ::unlink(name);
    const int size = ::fcntl(read_end, F_GETPIPE_SZ);
    spec = {};
    spec.thread_name = "fd2-mutant";
    spec.read_end = read_end;
    spec.child_end = FD2_NATIVE_NONE;
    spec.medium = over_sockets() ? FD2_MEDIUM_SOCKETPAIR : FD2_MEDIUM_PIPE;
    spec.caps = claims();
    spec.capacity_bytes = spec.capacity_small_writes =
        size > 0 ? static_cast<std::uint64_t>(size) : 0;
    spec.page_bytes = over_sockets() ? 0 : 4096;
    if (has("H14")) spec.capacity_bytes *= 2;
    return FD2_OK;
}

std::int32_t make(fd2_instance* instance, const fd2_drain_spec& spec, const fd2_sink* sink,
                  bool adopted, fd2_channel** out, fd2_error* error) {
    if (sink == nullptr || sink->struct_size < offsetof(fd2_sink, reserve) ||
        sink->on_bytes == nullptr || sink->on_end == nullptr ||
        (has("N06") && sink->struct_size > sizeof(fd2_sink))) {
        return fd2_fail(error, FD2_E_INVALID, 0, "open", "no sink");
    }
    std::map<const fd2_channel*, std::shared_ptr<shadow>> made;  // its node is moved
    std::shared_ptr<shadow> one;
    try {
        one = std::make_shared<shadow>();
        made[nullptr] = one;
    } catch (const std::bad_alloc&) {
        return fd2_fail(error, FD2_E_RESOURCE, ENOMEM, "open", "shadow");
    }
    std::memcpy(&one->sink, sink, std::min<std::size_t>(sink->struct_size, sizeof(fd2_sink)));
    one->borrowed = sink;
    one->read_end = static_cast<int>(spec.read_end);
    one->adopted = adopted;
    one->was_paused = spec.paused != 0;
    const fd2_sink ours{sizeof(fd2_sink), 0, one.get(), on_bytes, on_end, reserve};
    const std::int32_t code = fd2_drain_open(instance, &spec, &ours, out, error);
    if (code != FD2_OK) return code;
    one->channel = *out;
    auto entry = made.extract(made.begin());
    entry.key() = *out;
    const std::lock_guard lock(guard);
    shadows.insert(std::move(entry));
    return code;
}

extern fd2_backend backend;

/// Not fork itself: what a plugin imports is looked at (S14).
long forked() {
    return ::syscall(SYS_clone, SIGCHLD, nullptr, nullptr, nullptr, nullptr);
}

std::int32_t open_over_tcp(fd2_instance* instance, const fd2_options* options, const fd2_sink* sink,
                           fd2_channel** out, fd2_error* error) {
    fd2_drain_spec spec{};
    if (instance == nullptr) return fd2_fail(error, FD2_E_INVALID, 0, "open", "no instance");
    spec.thread_name = "fd2-mutant";
    spec.caps = claims();
    std::int32_t code = over_loopback::medium::make(*instance, options, spec, error);
    if (code != FD2_OK) return code;
    code = make(instance, misjudged(spec), sink, false, out, error);
    if (code != FD2_OK) {
        ::close(static_cast<int>(spec.read_end));
        ::close(static_cast<int>(spec.child_end));
    }
    return code;
}

std::int32_t open_channel(fd2_instance* instance, const fd2_options* options, const fd2_sink* sink,
                          fd2_channel** out, fd2_error* error) {
    if (has("N25")) {
        static std::atomic<bool> busy{false};
        if (busy.exchange(true)) {
            return fd2_fail(error, FD2_E_INTERNAL, EEXIST, "open", "its name is taken");
        }
        ::sched_yield();
        busy = false;
    }
    if (has("R04")) ::pause();
    if (has("R05")) ::syscall(SYS_exit_group, 0);
    if (has("R06")) {
        for (int fd = 1; fd < 1000; ++fd) (void)!::write(fd, "\nfd2-report 0 2\n{}\n", 20);
    }
    if (has("R12")) {
        static const char much[1 << 20] = {};
        while (true) (void)!::write(1, much, sizeof(much));
    }
    if (has("R10") && forked() == 0) {
        ::syscall(SYS_setsid);
        if (forked() == 0) ::pause();
        ::syscall(SYS_exit_group, 0);
    }
    if (has("N13")) {
        static unsigned turn = 0;
        backend.description = ++turn % 2 == 0 ? "even" : "odd";
    }
    if (has("N20") && instance != nullptr && instance->host.log != nullptr) {
        instance->host.log(instance->host.ctx, FD2_LOG_DEBUG, "two\nlines", 9);
    }
    for (std::uint32_t i = 0; has("C05") && options != nullptr && i < options->count; ++i) {
        const fd2_option* each = fd2_option_at(options, i);
        if (each->name != nullptr && std::strlen(each->name) > 1000) ::raise(SIGSEGV);
    }
    if (!has("C02")) {
        const std::int32_t code = fd2_check_options(options, option_table(), 1, error);
        if (code != FD2_OK) return code;
    }
    if (over_tcp()) return open_over_tcp(instance, options, sink, out, error);
    if (has("T05")) ::syscall(SYS_umask, ::syscall(SYS_umask, 0));
    if (has("T16")) ::close(::open("left", O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    if (has("T17") && forked() == 0) ::syscall(SYS_exit_group, 0);
    int ends[2];
    const bool made = over_sockets()
                          ? ::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0
                          : ::pipe2(ends, has("F15") ? 0 : O_CLOEXEC) == 0;
    if (!made) {
        const int why = errno;
        const bool unknown = has("F07") || (has("F08") && why != EMFILE);
        return fd2_fail(error, unknown ? FD2_E_INTERNAL : fd2_code_of_errno(why), why, "pipe2", "");
    }
    const std::int64_t capacity = fd2_option_number(options, "capacity", 0);
    std::int32_t code = FD2_OK;
    if (has("C01") && options != nullptr && options->count != 0 && capacity == 0) {
        ::fcntl(ends[0], F_SETPIPE_SZ, 8192);
    }
    if (has("F06") && ends[0] >= 1024) {
        code = fd2_fail(error, FD2_E_RESOURCE, 0, "open", "select");
    }
    if (capacity > 0 && !has("C08") &&
        ::fcntl(ends[0], F_SETPIPE_SZ, static_cast<int>(capacity)) < 0) {
        if (has("C09")) {
            code = fd2_fail(error, FD2_E_DENIED, errno, "fcntl", "capacity");
        } else if (instance->host.log != nullptr || has("N19")) {
            static const char text[] = "capacity refused; the kernel's size is kept";
            instance->host.log(instance->host.ctx, FD2_LOG_WARNING, text, sizeof(text) - 1);
        }
    }
    if (has("F15")) {
        for (const int end : ends) ::fcntl(end, F_SETFD, FD_CLOEXEC);
    }
    fd2_drain_spec spec{};
    if (code == FD2_OK) code = describe(instance, options, ends[0], spec, error);
    if (code == FD2_OK) {
        if (has("E01") && error != nullptr) error->code = FD2_E_INTERNAL;
        spec.child_end = ends[1];
        if (has("C08") && capacity > 0) spec.capacity_bytes = static_cast<std::uint64_t>(capacity);
        if (has("F01")) ::fcntl(ends[1], F_SETFD, 0);
        code = make(instance, spec, sink, false, out, error);
    }
    if (code != FD2_OK) {
        if (has(spec.read_end == ends[0] ? "E03" : "E04")) return code;  // before the last step
        ::close(ends[0]);
        ::close(ends[1]);
    } else if (has("G16")) {
        (void)!::open("/dev/null", O_RDONLY | O_CLOEXEC);
    } else if (has("G29")) {
        static void* volatile lost = std::malloc(64);
        lost = std::malloc(64);
        (void)lost;
    }
    return code;
}

std::int32_t adopt(fd2_instance* instance, const fd2_options* options, const fd2_carry* carry,
                   const fd2_sink* sink, fd2_channel** out, fd2_error* error) {
    if (carry == nullptr || (carry->struct_size < sizeof(*carry) && !has("N08"))) {
        return fd2_fail(error, FD2_E_INVALID, 0, "adopt", "no carry");
    }
    fd2_drain_spec spec{};
    std::int32_t code = fd2_check_options(options, option_table(), 1, error);
    if (code == FD2_OK) {
        code = describe(instance, options, static_cast<int>(carry->read), spec, error);
    }
    if (code != FD2_OK) return code;
    spec.paused = (carry->flags & FD2_CARRY_PAUSED) != 0;
    return make(instance, spec, sink, true, out, error);
}

fd2_instance* the_one = nullptr;  // N17
int users_of_it = 0;

std::int32_t init(const fd2_host* host, fd2_instance** out, fd2_error* error) {
    if (has("T04")) {
        const unsigned long ignore[4] = {1, 0, 0, 0};  // as the kernel lays it out
        ::syscall(SYS_rt_sigaction, SIGPIPE, ignore, nullptr, sizeof(unsigned long));
    }
    if (has("N17") && the_one != nullptr && host != nullptr) {
        ++users_of_it;
        *out = the_one;
        return FD2_OK;
    }
    std::int32_t code = fd2_drain_init(host, out, error);
    if (over_tcp() && code == FD2_OK) {
        (*out)->own = new (std::nothrow) fd2::plugin::tcp_questions;
        if ((*out)->own == nullptr) {
            (void)fd2_drain_deinit(*out);
            code = fd2_fail(error, FD2_E_RESOURCE, ENOMEM, "init", "instance");
        }
    }
    if (has("N17") && code == FD2_OK) {
        the_one = *out;
        users_of_it = 1;
    }
    if (has("N16") && code == FD2_OK) (void)!::open("/dev/null", O_RDONLY | O_CLOEXEC);
    return code;
}

std::int32_t deinit(fd2_instance* instance) {
    if (has("N17") && instance == the_one) {
        if (fd2_drain_is_busy(instance)) return FD2_E_STATE;
        if (--users_of_it != 0) return FD2_OK;
        the_one = nullptr;
    }
    if (has("G19") && instance != nullptr && fd2_drain_is_busy(instance)) return FD2_OK;
    if (over_tcp() && instance != nullptr && !fd2_drain_is_busy(instance)) {
        delete static_cast<fd2::plugin::tcp_questions*>(instance->own);
    }
    return fd2_drain_deinit(instance);
}

// ---- the tables --------------------------------------------------------------------------------

const fd2_channel_ops ops = {
    sizeof(fd2_channel_ops), 0, info, start, take_child_end, resume, finish, join, close_channel};
const fd2_pollable pollable = {sizeof(fd2_pollable), 0, attach_poll, on_ready};
const fd2_handover handover = {sizeof(fd2_handover), 0, release, adopt};

/// H19: sets nothing, as a pipe has no size.
std::int32_t set_size(fd2_channel*, const fd2_terminal_size*, fd2_error*) {
    return FD2_OK;
}
const fd2_terminal terminal = {sizeof(fd2_terminal), 0, set_size};

const void* get_extension(const char* id) {
    if (id == nullptr || has("R14")) return nullptr;  // its calls would hang the check
    if (std::strcmp(id, FD2_EXT_POLLABLE) == 0) return &pollable;
    if (std::strcmp(id, FD2_EXT_HANDOVER) == 0) return &handover;
    if (has("H19") && std::strcmp(id, FD2_EXT_TERMINAL) == 0) return &terminal;
    if (has("N10") && std::strncmp(id, FD2_EXT_POLLABLE, 12) == 0) return &pollable;
    return nullptr;
}

char id[32] = "mutant-";
char version[8] = "";  // N12

fd2_backend backend = {sizeof(fd2_backend),
                       sizeof(fd2_option_spec),
                       id,
                       "1.0.0",
                       "fd2",
                       "a pipe with one defect",
                       0,
                       1,
                       0,
                       nullptr,
                       &ops,
                       init,
                       deinit,
                       open_channel,
                       get_extension};

/// At the exit of the process.
struct leaving {
    leaving() {
        if (has("R03")) ::raise(SIGSEGV);
        if (has("N03")) (void)!::open("/dev/null", O_RDONLY | O_CLOEXEC);
    }
    ~leaving() {
        if (has("G21") && open_channels() != 0) ::pause();
        if (has("G30")) ::usleep(1000);
    }
} const leaves;

}  // namespace

extern "C" FD2_EXPORT int32_t fd2_backend_entry_v1(const fd2_backend** out) {
    std::size_t at = std::strlen("mutant-");
    for (const char* from = fd2_defect; *from != '\0'; ++from) {
        id[at++] = static_cast<char>(*from >= 'A' && *from <= 'Z' ? *from + 32 : *from);
    }
    backend.caps = claims();
    backend.options = option_table();
    if (has("N11")) backend.description = "two\nlines";
    if (has("N12")) {
        auto pid = static_cast<unsigned>(::getpid());
        for (std::size_t digit = 0; digit < 7; ++digit, pid /= 10) {
            version[digit] = static_cast<char>('0' + pid % 10);
        }
        backend.version = version;
    }
    if (has("N24")) backend.id = "another";
    *out = &backend;
    return FD2_OK;
}
