// When a read is put off, so that one wake-up fetches many small pieces (a nap), and when it is
// not. The test is writer and loop in one thread. It takes the time around what the backend times,
// so what it knows of the rate is never more than what the backend knew: no load makes it fail.
#include <poll.h>
#include <unistd.h>

#include <algorithm>

#include "conformance/check.hpp"
#include "conformance/driver.hpp"
#include "conformance/world.hpp"

using namespace fd2::conformance;

namespace {

/// A channel that this thread polls and writes to.
class polled {
  public:
    explicit polled(const backend& of) : of_(of) {
        const auto options = of.with_configured({});
        const fd2_options given{sizeof(fd2_options), static_cast<std::uint32_t>(options.size()),
                                sizeof(fd2_option), 0, options.data()};
        const fd2_sink sink = into_.sink();
        into_.keeps = false;
        REQUIRE(of.table().open(of.instance(), &given, &sink, &channel_, nullptr) == FD2_OK);
        fd2_native end = FD2_NATIVE_NONE;
        REQUIRE(of.ops().take_child_end(channel_, &end, nullptr) == FD2_OK);
        end_.reset(static_cast<int>(end));
        REQUIRE(of.pollable()->attach_poll(channel_, &watched_, nullptr) == FD2_OK);
    }
    ~polled() {
        (void)of_.ops().finish(channel_, FD2_FINISH_NOW);
        (void)of_.ops().close(channel_);
    }
    polled(const polled&) = delete;
    polled& operator=(const polled&) = delete;

    /// Writes and has it read; the wait in between is for media that take their time.
    void piece(std::size_t size) {
        REQUIRE(write_pattern(end_.get(), written_, size, size));
        written_ += size;
        pollfd ready{static_cast<int>(watched_), POLLIN, 0};
        REQUIRE(::poll(&ready, 1, -1) == 1);
        asked = fd2::now();
        answer = of_.pollable()->on_ready(channel_, 1 << 20, &deadline);
    }

    void sleep_to_deadline() const {
        while (fd2::now() < deadline) ::usleep(10);
    }

    std::uint64_t capacity() const {
        fd2_info info{};
        info.struct_size = sizeof(info);
        REQUIRE(of_.ops().info(channel_, &info) == FD2_OK);
        return info.capacity_bytes;
    }
    std::uint64_t read() const { return into_.total(); }

    fd2::nanoseconds_t asked = 0;
    std::int32_t answer = 0;
    std::int64_t deadline = -1;

  private:
    const backend& of_;
    recorder into_;
    fd2_channel* channel_ = nullptr;
    fd2_native watched_ = FD2_NATIVE_NONE;
    fd2::unique_fd end_;
    std::uint64_t written_ = 0;
};

}  // namespace

CHECK_CASE(P09, should, "B8", "a nap ends, at the rate of arrival, before the object is half full",
           "compares each nap with the rate that was measured around it") {
    const auto& each = tested();
    NEEDS(each->pollable() != nullptr, "does not offer fd2.pollable/1");
    for (const std::size_t size : {80U, 512U, 1024U, 3000U, 4000U, 4096U, 16384U}) {
        INFO(each->id() << ", pieces of " << size);
        polled channel(*each);
        if (channel.capacity() == 0) continue;  // unknown
        const auto half = static_cast<double>(channel.capacity() / 2);
        std::uint64_t too_long = 0;
        for (int i = 0; i < 5000; ++i) {
            const fd2::nanoseconds_t before = channel.asked;
            const std::uint64_t read_before = channel.read();
            channel.piece(size);
            const auto elapsed = static_cast<double>(fd2::now() - before);
            const auto came = static_cast<double>(channel.read() - read_before);
            if (channel.answer != FD2_READY_LATER) continue;
            const auto nap =
                static_cast<double>(std::max<std::int64_t>(channel.deadline - fd2::now(), 0));
            too_long += came / elapsed * nap > half;
            channel.sleep_to_deadline();
        }
        CHECK(too_long == 0);
    }
}

CHECK_CASE(P10, should, "B8",
           "a stream of lines has naps, and the first pieces of a burst have none",
           "reads what on_ready answers") {
    const auto& each = tested();
    NEEDS(each->pollable() != nullptr, "does not offer fd2.pollable/1");
    polled channel(*each);
    int naps = 0;
    for (int burst = 0; burst < 20; ++burst) {
        ::usleep(1000);  // what makes it a burst of its own
        for (int i = 0; i < 5; ++i) {
            channel.piece(40);
            CHECK(channel.answer == FD2_READY_WAIT);
        }
        for (int i = 0; i < 1000 && channel.answer != FD2_READY_LATER; ++i) channel.piece(40);
        naps += channel.answer == FD2_READY_LATER;
        channel.sleep_to_deadline();
    }
    CHECK(naps > 0);
}
