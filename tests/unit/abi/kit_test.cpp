// What every backend says through the drain kit: errors and options.
#include <fcntl.h>
#include <fd2/drain.h>
#include <pty.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include <atomic>
#include <cstring>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "support/catch.hpp"

namespace {

fd2_error blank() {
    fd2_error error{};
    error.struct_size = sizeof(error);
    return error;
}

bool is_utf8(const std::string& text) {
    for (std::size_t i = 0; i < text.size();) {
        const auto lead = static_cast<unsigned char>(text[i]);
        const std::size_t length = lead < 0x80           ? 1
                                   : (lead >> 5) == 0x06 ? 2
                                   : (lead >> 4) == 0x0e ? 3
                                   : (lead >> 3) == 0x1e ? 4
                                                         : 0;
        if (length == 0 || i + length > text.size()) return false;
        for (std::size_t k = 1; k < length; ++k) {
            if ((static_cast<unsigned char>(text[i + k]) & 0xc0u) != 0x80u) return false;
        }
        i += length;
    }
    return true;
}

fd2_option number(const char* name, std::uint32_t type, std::int64_t value) {
    return {sizeof(fd2_option), type, name, nullptr, value};
}

constexpr fd2_option_spec specs[] = {
    {sizeof(fd2_option_spec), FD2_OPTION_BYTES, "size", "", nullptr, nullptr, 8, 4, 64},
    {sizeof(fd2_option_spec), FD2_OPTION_ENUM, "mode", "", "fast|safe", "safe", 0, 0, 0},
};

std::int32_t checked(const std::vector<fd2_option>& items, fd2_error* error = nullptr) {
    const fd2_options options{sizeof(fd2_options), static_cast<std::uint32_t>(items.size()),
                              sizeof(fd2_option), 0, items.data()};
    return fd2_check_options(&options, specs, 2, error);
}

}  // namespace

TEST_CASE("an error says operation, object, reason and errno") {
    fd2_error error = blank();
    CHECK(fd2_fail(&error, FD2_E_RESOURCE, EMFILE, "pipe2", "stderr") == FD2_E_RESOURCE);
    CHECK(error.code == FD2_E_RESOURCE);
    CHECK(error.sys_errno == EMFILE);
    CHECK(error.flags == FD2_ERROR_TRANSIENT);
    CHECK(std::string(error.message) == "pipe2: stderr: Too many open files (EMFILE)");

    CHECK(fd2_fail(&error, FD2_E_CONFIG, 0, "unknown option", "colour") == FD2_E_CONFIG);
    CHECK(error.flags == 0);
    CHECK(std::string(error.message) == "unknown option: colour");
    CHECK(fd2_fail(&error, FD2_E_STATE, 0, "start", nullptr) == FD2_E_STATE);
    CHECK(std::string(error.message) == "start");
}

TEST_CASE("an error that nobody reads, or that is too small, is left alone") {
    CHECK(fd2_fail(nullptr, FD2_E_STATE, 0, "start", "") == FD2_E_STATE);
    fd2_error error{};
    error.struct_size = 8;
    CHECK(fd2_fail(&error, FD2_E_STATE, 0, "start", "") == FD2_E_STATE);
    CHECK(error.code == 0);
}

TEST_CASE("a long message is cut between characters") {
    for (std::size_t shift = 0; shift < 8; ++shift) {
        std::string object(shift, 'x');
        for (int i = 0; i < 100; ++i) object += "\u00e9\u20ac\U0001f600";
        fd2_error error = blank();
        fd2_fail(&error, FD2_E_CONFIG, 0, "unknown option", object.c_str());
        const std::string message = error.message;
        INFO("shift " << shift);
        CHECK(message.size() < sizeof(error.message));
        CHECK(message.size() > sizeof(error.message) - 12);
        CHECK(is_utf8(message));
    }
}

TEST_CASE("a message has no control characters") {
    fd2_error error = blank();
    fd2_fail(&error, FD2_E_CONFIG, 0, "unknown option", "a\nb\tc\x1b[1m\x7f");
    CHECK(std::string(error.message) == "unknown option: a b c [1m ");
}

TEST_CASE("an errno becomes the code that decides the fallback") {
    CHECK(fd2_code_of_errno(ENOSYS) == FD2_E_UNSUPPORTED);
    CHECK(fd2_code_of_errno(EAFNOSUPPORT) == FD2_E_UNSUPPORTED);
    CHECK(fd2_code_of_errno(ENETUNREACH) == FD2_E_UNSUPPORTED);
    for (const int each : {EMFILE, ENFILE, ENOMEM, EAGAIN, ENOBUFS, EADDRNOTAVAIL, EADDRINUSE}) {
        CHECK(fd2_code_of_errno(each) == FD2_E_RESOURCE);
    }
    CHECK(fd2_code_of_errno(EPERM) == FD2_E_DENIED);
    CHECK(fd2_code_of_errno(EACCES) == FD2_E_DENIED);
    CHECK(fd2_code_of_errno(ETIMEDOUT) == FD2_E_TIMEDOUT);
    CHECK(fd2_code_of_errno(EBADF) == FD2_E_INTERNAL);
}

TEST_CASE("options are held against the published table, and the message names the culprit") {
    fd2_option word{sizeof(fd2_option), FD2_OPTION_ENUM, "mode", "fast", 0};
    CHECK(checked({}) == FD2_OK);
    CHECK(checked({number("size", FD2_OPTION_BYTES, 4), word}) == FD2_OK);
    CHECK(checked({number("size", FD2_OPTION_BYTES, 64)}) == FD2_OK);
    CHECK(fd2_check_options(nullptr, specs, 2, nullptr) == FD2_OK);

    fd2_error error = blank();
    CHECK(checked({number("sise", FD2_OPTION_BYTES, 8)}, &error) == FD2_E_CONFIG);
    CHECK(std::string(error.message).find("sise") != std::string::npos);
    CHECK(checked({number("size", FD2_OPTION_INT, 8)}, &error) == FD2_E_CONFIG);
    CHECK(std::string(error.message).find("size") != std::string::npos);
    CHECK(checked({number("size", FD2_OPTION_BYTES, 3)}) == FD2_E_CONFIG);
    CHECK(checked({number("size", FD2_OPTION_BYTES, 65)}) == FD2_E_CONFIG);
    for (const char* bad : {"", "fas", "fastt", "fast|safe", "|"}) {
        word.text = bad;
        INFO(bad);
        CHECK(checked({word}) == FD2_E_CONFIG);
    }
    word.text = nullptr;
    CHECK(checked({word}) == FD2_E_CONFIG);
    CHECK(checked({number(nullptr, FD2_OPTION_BYTES, 8)}) == FD2_E_INVALID);
}

TEST_CASE("a newer host's longer options are stepped over by their stride") {
    struct longer {
        fd2_option option;
        std::uint64_t from_the_future;
    };
    const longer items[] = {{number("size", FD2_OPTION_BYTES, 5), ~std::uint64_t{0}},
                            {number("size", FD2_OPTION_BYTES, 99), ~std::uint64_t{0}}};
    fd2_options options{sizeof(fd2_options), 1, sizeof(longer), 0, &items[0].option};
    CHECK(fd2_check_options(&options, specs, 2, nullptr) == FD2_OK);
    CHECK(fd2_option_number(&options, "size", 8) == 5);
    CHECK(fd2_option_number(&options, "other", 8) == 8);
    CHECK(std::string(fd2_option_text(&options, "mode", "safe")) == "safe");
    options.count = 2;
    CHECK(fd2_check_options(&options, specs, 2, nullptr) == FD2_E_CONFIG);
    options.stride = 8;
    CHECK(fd2_check_options(&options, specs, 2, nullptr) == FD2_E_INVALID);
    options.struct_size = 4;
    CHECK(fd2_check_options(&options, specs, 2, nullptr) == FD2_E_INVALID);
}

namespace {

/// Memory for `size` bytes that ends where memory ends: reading one byte more is a crash.
class at_the_edge {
  public:
    explicit at_the_edge(std::size_t size) {
        const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
        void* both =
            ::mmap(nullptr, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        REQUIRE(both != MAP_FAILED);
        base_ = static_cast<unsigned char*>(both);
        size_ = 2 * page;
        REQUIRE(::mprotect(base_ + page, page, PROT_NONE) == 0);
        start_ = base_ + page - size;
    }
    ~at_the_edge() { ::munmap(base_, size_); }
    at_the_edge(const at_the_edge&) = delete;
    at_the_edge& operator=(const at_the_edge&) = delete;

    /// The first bytes of `whole`, with their size as its struct_size.
    template <class Table>
    Table* cut(Table whole, std::size_t size) {
        whole.struct_size = static_cast<std::uint32_t>(size);
        std::memcpy(start_, &whole, size);
        return reinterpret_cast<Table*>(start_);
    }

  private:
    unsigned char* base_ = nullptr;
    unsigned char* start_ = nullptr;
    std::size_t size_ = 0;
};

void ignore_log(void*, std::int32_t, const char*, std::uint32_t) {}
const void* no_extension(void*, const char*) {
    return nullptr;
}
std::int32_t take(void* ctx, const std::uint8_t*, std::uint32_t size) {
    *static_cast<std::uint32_t*>(ctx) += size;
    return FD2_CONTINUE;
}
void note_end(void*, std::int32_t, std::int32_t) {}
std::int32_t refuse(void*, std::uint8_t**, std::uint32_t*) {
    return FD2_E_RESOURCE;
}

}  // namespace

TEST_CASE("a host or a sink that ends early is read only as far as it goes") {
    const fd2_host whole{sizeof(fd2_host), 0, nullptr, ignore_log, no_extension};
    const std::size_t ctx_only = offsetof(fd2_host, log);
    at_the_edge host_memory(ctx_only);
    fd2_instance* instance = nullptr;
    REQUIRE(fd2_drain_init(host_memory.cut(whole, ctx_only), &instance, nullptr) == FD2_OK);
    CHECK(instance->host.log == nullptr);
    CHECK(instance->host.get_extension == nullptr);

    std::uint32_t received = 0;
    const fd2_sink sink{sizeof(fd2_sink), 0, &received, take, note_end, refuse};
    const std::size_t without_reserve = offsetof(fd2_sink, reserve);
    at_the_edge sink_memory(without_reserve);
    int ends[2];
    REQUIRE(::pipe2(ends, O_CLOEXEC | O_NONBLOCK) == 0);
    fd2_drain_spec spec{};
    spec.thread_name = "fd2-test";
    spec.read_end = ends[0];
    spec.child_end = ends[1];
    fd2_channel* channel = nullptr;
    REQUIRE(fd2_drain_open(instance, &spec, sink_memory.cut(sink, without_reserve), &channel,
                           nullptr) == FD2_OK);
    CHECK(channel->sink.reserve == nullptr);

    // What info writes fits into what the caller has; a newer caller keeps what it does not know.
    at_the_edge info_memory(16);
    fd2_info* small = info_memory.cut(fd2_info{}, 16);
    CHECK(fd2_drain_info(channel, small) == FD2_OK);
    struct {
        fd2_info info;
        std::uint64_t from_the_future;
    } larger{{}, 4711};
    larger.info.struct_size = sizeof(larger);
    CHECK(fd2_drain_info(channel, &larger.info) == FD2_OK);
    CHECK(larger.from_the_future == 4711);

    REQUIRE(fd2_drain_start(channel, nullptr) == FD2_OK);
    REQUIRE(::write(ends[1], "x", 1) == 1);
    CHECK(fd2_drain_deinit(instance) == FD2_E_STATE);
    CHECK(fd2_drain_finish(channel, FD2_FINISH_DRAIN) == FD2_OK);
    CHECK(fd2_drain_join(channel, INT64_MAX) == FD2_OK);
    CHECK(received == 1);
    CHECK(fd2_drain_close(channel) == FD2_OK);
    CHECK(fd2_drain_deinit(instance) == FD2_OK);
}

TEST_CASE("missing tables and callbacks are a wrong call, not a crash") {
    const fd2_host host{sizeof(fd2_host), 0, nullptr, nullptr, nullptr};
    fd2_instance* instance = nullptr;
    CHECK(fd2_drain_init(nullptr, &instance, nullptr) == FD2_E_INVALID);
    CHECK(fd2_drain_init(&host, nullptr, nullptr) == FD2_E_INVALID);
    CHECK(fd2_drain_deinit(nullptr) == FD2_E_INVALID);
    REQUIRE(fd2_drain_init(&host, &instance, nullptr) == FD2_OK);
    fd2_drain_spec spec{};
    fd2_channel* channel = nullptr;
    fd2_sink sink{sizeof(fd2_sink), 0, nullptr, take, nullptr, nullptr};
    CHECK(fd2_drain_open(instance, &spec, nullptr, &channel, nullptr) == FD2_E_INVALID);
    CHECK(fd2_drain_open(instance, &spec, &sink, &channel, nullptr) == FD2_E_INVALID);
    sink.on_end = note_end;
    sink.struct_size = 8;
    CHECK(fd2_drain_open(instance, &spec, &sink, &channel, nullptr) == FD2_E_INVALID);
    CHECK(channel == nullptr);
    CHECK(fd2_drain_deinit(instance) == FD2_OK);
}

TEST_CASE("what a pipe holds of pieces of one size is known") {
    const auto page = static_cast<std::uint32_t>(::sysconf(_SC_PAGESIZE));
    const std::string text(4 * page, 'x');
    for (const std::uint32_t piece : {1U, 79U, 80U, 1000U, 1024U, 1500U, 2048U, 2049U, 3000U, 4000U,
                                      4080U, 4095U, 4096U, 4097U, 5000U, 7000U, 8192U}) {
        int ends[2];
        REQUIRE(::pipe2(ends, O_CLOEXEC | O_NONBLOCK) == 0);
        const auto capacity = static_cast<std::uint64_t>(::fcntl(ends[0], F_GETPIPE_SZ));
        std::uint64_t held = 0;
        ssize_t sent = 0;
        // A piece that no longer fits may be taken in part: the pipe is full then as well.
        while ((sent = ::write(ends[1], text.data(), piece)) > 0) {
            held += static_cast<std::uint64_t>(sent);
            if (sent < static_cast<ssize_t>(piece)) break;
        }
        const std::uint64_t told = fd2_drain_page_capacity(capacity, piece, page);
        INFO("pieces of " << piece << ": told " << told << ", holds " << held);
        CHECK(told <= held);
        CHECK(held - told <= piece + page);
        ::close(ends[0]);
        ::close(ends[1]);
    }
}

TEST_CASE("pieces that follow each other closely are gathered, a lone one is not") {
    const fd2_host host{sizeof(fd2_host), 0, nullptr, nullptr, nullptr};
    fd2_instance* instance = nullptr;
    REQUIRE(fd2_drain_init(&host, &instance, nullptr) == FD2_OK);
    std::uint32_t received = 0;
    const fd2_sink sink{sizeof(fd2_sink), 0, &received, take, note_end, nullptr};
    int ends[2];
    REQUIRE(::pipe2(ends, O_CLOEXEC | O_NONBLOCK) == 0);
    fd2_drain_spec spec{};
    spec.read_end = ends[0];
    spec.child_end = ends[1];
    spec.capacity_bytes = 65536;
    fd2_channel* channel = nullptr;
    REQUIRE(fd2_drain_open(instance, &spec, &sink, &channel, nullptr) == FD2_OK);
    fd2_native watched = 0;
    REQUIRE(fd2_drain_attach_poll(channel, &watched, nullptr) == FD2_OK);
    std::int64_t deadline = 0;
    REQUIRE(::write(ends[1], "a line\n", 7) == 7);
    CHECK(fd2_drain_on_ready(channel, 65536, &deadline) == FD2_READY_WAIT);
    CHECK(deadline == -1);
    CHECK(received == 7);

    // Whether two reads are close is a matter of time, and this thread may be held up between them:
    // among many, some are.
    bool gathered = false;
    for (int i = 0; i < 10000 && !gathered; ++i) {
        REQUIRE(::write(ends[1], "a line\n", 7) == 7);
        const std::int64_t before = fd2_drain_clock();
        const std::uint32_t had = received;
        gathered = fd2_drain_on_ready(channel, 65536, &deadline) == FD2_READY_LATER;
        CHECK(received == had + 7);  // it is the next read that is put off, never this one
        if (gathered) {
            CHECK(deadline > before);
            CHECK(deadline <= fd2_drain_clock() + FD2_DRAIN_NAP_NS);
        }
    }
    CHECK(gathered);
    // A block is no small piece: what comes after it is read at once.
    const std::string block(16384, 'x');
    REQUIRE(::write(ends[1], block.data(), block.size()) == 16384);
    CHECK(fd2_drain_on_ready(channel, 8192, &deadline) == FD2_READY_AGAIN);
    CHECK(fd2_drain_finish(channel, FD2_FINISH_NOW) == FD2_OK);
    CHECK(fd2_drain_close(channel) == FD2_OK);
    CHECK(fd2_drain_deinit(instance) == FD2_OK);
}

namespace {

/// A sink that another thread can look at.
struct seen {
    std::atomic<std::uint32_t> bytes{0};
    std::atomic<std::int32_t> reason{0};
    std::atomic<std::int32_t> sys_errno{0};

    /// Called before each read, where it is set.
    std::function<void()> before_read;

    fd2_sink sink() { return {sizeof(fd2_sink), 0, this, on_bytes, on_end, reserve}; }

  private:
    static std::int32_t reserve(void* ctx, std::uint8_t**, std::uint32_t*) {
        const auto& then = static_cast<seen*>(ctx)->before_read;
        if (then) then();
        return FD2_E_RESOURCE;
    }
    static std::int32_t on_bytes(void* ctx, const std::uint8_t*, std::uint32_t size) {
        static_cast<seen*>(ctx)->bytes += size;
        return FD2_CONTINUE;
    }
    static void on_end(void* ctx, std::int32_t reason, std::int32_t sys_errno) {
        static_cast<seen*>(ctx)->sys_errno = sys_errno;
        static_cast<seen*>(ctx)->reason = reason;
    }
};

/// A channel over `read_end`, which it owns.
class bare_channel {
  public:
    bare_channel(int read_end, seen& into, std::uint32_t medium = FD2_MEDIUM_UNKNOWN) {
        const fd2_host host{sizeof(fd2_host), 0, nullptr, nullptr, nullptr};
        REQUIRE(fd2_drain_init(&host, &instance_, nullptr) == FD2_OK);
        fd2_drain_spec spec{};
        spec.thread_name = "fd2-test";
        spec.read_end = read_end;
        spec.child_end = FD2_NATIVE_NONE;
        spec.medium = medium;
        const fd2_sink sink = into.sink();
        REQUIRE(fd2_drain_open(instance_, &spec, &sink, &channel_, nullptr) == FD2_OK);
    }
    ~bare_channel() {
        if (channel_->drive == FD2_DRIVE_THREAD) (void)fd2_drain_join(channel_, INT64_MAX);
        CHECK(fd2_drain_close(channel_) == FD2_OK);
        CHECK(fd2_drain_deinit(instance_) == FD2_OK);
    }
    bare_channel(const bare_channel&) = delete;
    bare_channel& operator=(const bare_channel&) = delete;
    operator fd2_channel*() const { return channel_; }

  private:
    fd2_instance* instance_ = nullptr;
    fd2_channel* channel_ = nullptr;
};

/// A directory: can be opened, and every read of it fails with EISDIR.
int unreadable() {
    const int fd = ::open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    REQUIRE(fd >= 0);
    return fd;
}

}  // namespace

TEST_CASE("a read that fails is tried again a little later, and nothing is lost") {
    seen into;
    const int read_end = unreadable();
    const bare_channel channel(read_end, into);
    fd2_native watched = 0;
    REQUIRE(fd2_drain_attach_poll(channel, &watched, nullptr) == FD2_OK);
    int ends[2];
    REQUIRE(::pipe2(ends, O_CLOEXEC | O_NONBLOCK) == 0);
    REQUIRE(::write(ends[1], "a line\n", 7) == 7);
    std::int64_t deadline = -1;
    std::int64_t last = 0;
    for (int i = 0; i < FD2_DRAIN_TRIES; ++i) {
        CHECK(fd2_drain_on_ready(channel, 65536, &deadline) == FD2_READY_LATER);
        CHECK(deadline > last);
        last = deadline;
    }
    // What was wrong passes.
    REQUIRE(::dup3(ends[0], read_end, O_CLOEXEC) == read_end);
    ::close(ends[0]);
    CHECK(fd2_drain_on_ready(channel, 65536, &deadline) == FD2_READY_WAIT);
    CHECK(into.bytes == 7);
    ::close(ends[1]);
    CHECK(fd2_drain_on_ready(channel, 65536, &deadline) == FD2_READY_ENDED);
    CHECK(into.reason == FD2_END_EOF);
}

TEST_CASE("a read that fails for good ends the channel with its errno, and closes nothing") {
    seen into;
    const int read_end = unreadable();
    {
        const bare_channel channel(read_end, into);
        REQUIRE(fd2_drain_start(channel, nullptr) == FD2_OK);
        CHECK(fd2_drain_join(channel, INT64_MAX) == FD2_OK);
        CHECK(into.reason == FD2_END_ERROR);
        CHECK(into.sys_errno == EISDIR);
        CHECK(::fcntl(read_end, F_GETFD) >= 0);  // a writer would get SIGPIPE
    }
    CHECK(::fcntl(read_end, F_GETFD) < 0);
}

TEST_CASE("a finish whose question to the kernel fails ends like any other") {
    // FIONREAD of a directory is ENOTTY: how much there is to deliver is not known.
    seen into;
    const int read_end = unreadable();
    const bare_channel channel(read_end, into);
    fd2_native watched = 0;
    REQUIRE(fd2_drain_attach_poll(channel, &watched, nullptr) == FD2_OK);
    REQUIRE(fd2_drain_finish(channel, FD2_FINISH_DRAIN) == FD2_OK);
    int ends[2];
    REQUIRE(::pipe2(ends, O_CLOEXEC | O_NONBLOCK) == 0);
    REQUIRE(::write(ends[1], "a line\n", 7) == 7);
    REQUIRE(::dup3(ends[0], read_end, O_CLOEXEC) == read_end);
    std::int64_t deadline = -1;
    CHECK(fd2_drain_on_ready(channel, 65536, &deadline) == FD2_READY_ENDED);
    CHECK(into.bytes == 7);
    CHECK(into.reason == FD2_END_DRAINED);
    ::close(ends[0]);
    ::close(ends[1]);
}

namespace {

/// The master of a pseudo-terminal that has `text` to be read, and nobody on its other side.
int left_terminal(const std::string& text) {
    int master = -1;
    int slave = -1;
    REQUIRE(::openpty(&master, &slave, nullptr, nullptr, nullptr) == 0);
    REQUIRE(::fcntl(master, F_SETFL, O_NONBLOCK) == 0);
    REQUIRE(::write(slave, text.data(), text.size()) == static_cast<ssize_t>(text.size()));
    ::close(slave);
    return master;
}

}  // namespace

TEST_CASE("a pseudo-terminal ends with EIO, and not before what was written last was read") {
    // The kernel looks for bytes, then for writers: a writer that writes and leaves in between
    // makes it say EIO while bytes are there.
    seen into;
    const int read_end = left_terminal("");
    const int other = left_terminal("last");
    const bare_channel channel(read_end, into, FD2_MEDIUM_PTY);
    int reads = 0;
    into.before_read = [&] {
        if (++reads == 2) REQUIRE(::dup3(other, read_end, O_CLOEXEC) == read_end);
    };
    fd2_native watched = 0;
    REQUIRE(fd2_drain_attach_poll(channel, &watched, nullptr) == FD2_OK);
    std::int64_t deadline = -1;
    std::int32_t answer = FD2_READY_WAIT;
    for (int i = 0; i < 3 && answer == FD2_READY_WAIT; ++i) {
        answer = fd2_drain_on_ready(channel, 65536, &deadline);
    }
    CHECK(answer == FD2_READY_ENDED);
    CHECK(into.bytes == 4);
    CHECK(into.reason == FD2_END_EOF);
    CHECK(into.sys_errno == 0);
    ::close(other);
}

TEST_CASE("a wait that fails does not end a channel that can still be read") {
    // ppoll refuses more descriptors than may be open.
    seen into;
    int ends[2];
    REQUIRE(::pipe2(ends, O_CLOEXEC | O_NONBLOCK) == 0);
    const bare_channel channel(ends[0], into);
    REQUIRE(fd2_drain_start(channel, nullptr) == FD2_OK);
    rlimit before{};
    REQUIRE(::getrlimit(RLIMIT_NOFILE, &before) == 0);
    rlimit none = before;
    none.rlim_cur = 0;
    REQUIRE(::setrlimit(RLIMIT_NOFILE, &none) == 0);
    bool written = true;
    for (std::uint32_t i = 1; i <= 3; ++i) {
        written &= ::write(ends[1], "x", 1) == 1;
        while (into.bytes < i && into.reason == 0) std::this_thread::yield();
    }
    REQUIRE(::setrlimit(RLIMIT_NOFILE, &before) == 0);
    CHECK(written);
    CHECK(into.bytes == 3);
    ::close(ends[1]);
    CHECK(fd2_drain_join(channel, INT64_MAX) == FD2_OK);
    CHECK(into.reason == FD2_END_EOF);
}
