// A running channel moves from one backend to another, and nobody notices.
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <random>

#include "conformance/check.hpp"
#include "conformance/driver.hpp"
#include "conformance/world.hpp"

using namespace fd2::conformance;

namespace {

std::uint32_t medium_of(const std::shared_ptr<backend>& of) {
    recorder into;
    const driver channel({of, way::thread}, into);
    REQUIRE(channel.code() == FD2_OK);
    return channel.info().medium;
}

/// Every way of driving a backend that takes over what `from` has.
std::vector<variant> heirs_of(const variant& from) {
    std::vector<variant> out;
    const auto add = [&](const std::shared_ptr<backend>& heir) {
        if (heir->handover() == nullptr || medium_of(heir) != medium_of(from.tested)) return;
        for (const auto& each : variants_of(heir)) out.push_back(each);
    };
    add(tested());
    for (const auto& each : beside()) add(each);
    return out;
}

/// Moves the channel to `to` and starts it there; nothing may go wrong.
std::unique_ptr<driver> moved(std::unique_ptr<driver> from, const variant& to, recorder& into) {
    fd2_carry carry{};
    REQUIRE(from->release(carry) == FD2_OK);
    REQUIRE(from->close() == FD2_OK);
    auto heir = std::make_unique<driver>(to, into, carry);
    INFO(heir->error().message);
    REQUIRE(heir->code() == FD2_OK);
    REQUIRE(heir->start() == FD2_OK);
    return heir;
}

}  // namespace

CHECK_CASE(X01, must, "H3 H10 L4 B2 C6", "a flood survives hundreds of hand-overs byte for byte",
           "releases and adopts at seeded points under a writer whose stream is known at every "
           "position") {
    const auto v = each_variant();
    NEEDS(v.tested->handover() != nullptr, "does not offer fd2.handover/1");
    INFO(v);
    const auto heirs = heirs_of(v);
    const auto before = descriptors();
    {
        recorder into;
        into.keeps = false;
        std::atomic<bool> enough{false};
        std::uint64_t written = 0;
        auto channel = started(v, into);
        fd2::unique_fd end = channel->take_child_end();
        std::thread writer([&] {
            std::mt19937_64 random(4);
            while (!enough) {
                const std::size_t size = 1 + random() % (random() % 2 == 0 ? 200 : 70000);
                if (!write_pattern(end.get(), written, size, size)) break;
                written += size;
            }
            end.reset();
        });
        std::mt19937_64 random(5);
        std::uint64_t idle = 0;
        for (int i = 0; i < 320; ++i) {
            // At once, after a few bytes, or in full flood.
            const std::uint64_t wanted = into.total() + random() % 3 * (random() % 60000);
            if (into.total() == wanted) ++idle;
            if (!into.wait_bytes(wanted)) break;
            channel = moved(std::move(channel), heirs[random() % heirs.size()], into);
        }
        enough = true;
        writer.join();
        CHECK(channel->join(hang()) == FD2_OK);
        CHECK(into.total() == written);
        CHECK(into.reason() == FD2_END_EOF);
        CHECK(into.ends() == 1);
        CHECK(into.violations() == "");
        CHECK(idle > 0);
        // An adopted channel has no child end to give.
        CHECK_FALSE(channel->take_child_end());
        CHECK(channel->close() == FD2_OK);
    }
    CHECK(changed_since(before) == "");
}

CHECK_CASE(X02, must, "H3 H5 H9 L1 B2 S8",
           "every backend takes over from every other of its kind, with bytes waiting in between",
           "writes before, between and after; compares") {
    const auto v = each_variant();
    NEEDS(v.tested->handover() != nullptr, "does not offer fd2.handover/1");
    for (const auto& heir : heirs_of(v)) {
        INFO(v << " to " << heir);
        recorder into;
        auto channel = started(v, into);
        const auto end = channel->take_child_end();
        REQUIRE(write_all(end.get(), "before ", 7));
        REQUIRE(into.wait_bytes(7));
        fd2_carry carry{};
        REQUIRE(channel->release(carry) == FD2_OK);
        CHECK(carry.struct_size == sizeof(carry));
        CHECK(carry.read >= 0);
        CHECK(carry.flags == 0);
        CHECK(carry.medium == medium_of(v.tested));
        REQUIRE(write_all(end.get(), "between ", 8));
        CHECK(into.total() == 7);
        CHECK(channel->close() == FD2_OK);
        CHECK(::fcntl(static_cast<int>(carry.read), F_GETFD) >= 0);  // close left it alone
        driver next(heir, into, carry);
        REQUIRE(next.code() == FD2_OK);
        CHECK(into.total() == 7);  // no byte flows before start
        CHECK(next.info().reads == 0);
        REQUIRE(next.start() == FD2_OK);
        REQUIRE(into.wait_bytes(15));
        REQUIRE(write_all(end.get(), "after", 5));
        next.wind_up(FD2_FINISH_DRAIN, into);
        CHECK(into.bytes() == "before between after");
        CHECK(into.reason() == FD2_END_DRAINED);
    }
}

CHECK_CASE(X14, must, "H5 H8",
           "a paused channel stays paused across a hand-over, and a permit is not lost",
           "pauses, releases, adopts, and counts deliveries") {
    const auto v = each_variant();
    NEEDS(v.tested->handover() != nullptr, "does not offer fd2.handover/1");
    for (const auto& heir : heirs_of(v)) {
        for (const bool permitted : {false, true}) {
            INFO(v << " to " << heir << (permitted ? ", resumed before start" : ""));
            recorder into;
            into.on_bytes = [](const std::uint8_t*, std::uint32_t) { return FD2_PAUSE; };
            auto channel = started(v, into);
            const auto end = channel->take_child_end();
            REQUIRE(write_all(end.get(), "x", 1));
            REQUIRE(into.wait_bytes(1));
            REQUIRE(write_all(end.get(), "y", 1));  // waits in the object, because of the pause
            fd2_carry carry{};
            REQUIRE(channel->release(carry) == FD2_OK);
            CHECK(carry.flags == FD2_CARRY_PAUSED);
            CHECK(channel->close() == FD2_OK);
            REQUIRE(write_all(end.get(), "z", 1));
            driver next(heir, into, carry);
            REQUIRE(next.code() == FD2_OK);
            if (permitted) CHECK(next.resume() == FD2_OK);
            REQUIRE(next.start() == FD2_OK);
            if (!permitted) {
                wait_for_quiet();
                CHECK(into.total() == 1);
                CHECK(next.resume() == FD2_OK);
            }
            CHECK(into.wait_bytes(2));  // one read, which need not bring both
            next.wind_up(FD2_FINISH_DRAIN, into);
            CHECK(into.bytes() == "xyz");
        }
    }
}

CHECK_CASE(X15, must, "H1 H9", "an adopted channel that was not started gives the descriptor back",
           "releases it and looks at the descriptor") {
    const auto v = each_variant();
    NEEDS(v.tested->handover() != nullptr, "does not offer fd2.handover/1");
    INFO(v);
    recorder into;
    auto channel = started(v, into);
    const auto end = channel->take_child_end();
    fd2_carry carry{};
    REQUIRE(channel->release(carry) == FD2_OK);
    CHECK(channel->close() == FD2_OK);
    fd2_carry again{};
    {
        driver unwilling(v, into, carry);
        REQUIRE(unwilling.code() == FD2_OK);
        REQUIRE(unwilling.release(again) == FD2_OK);
        CHECK(again.read == carry.read);
        CHECK(unwilling.close() == FD2_OK);
    }
    driver willing(v, into, again);
    REQUIRE(willing.start() == FD2_OK);
    REQUIRE(write_all(end.get(), "x", 1));
    REQUIRE(into.wait_bytes(1));
    willing.wind_up(FD2_FINISH_DRAIN, into);
}

CHECK_CASE(X16, must, "H11 L8",
           "a child end that was not taken before a hand-over goes with the old channel",
           "takes none, releases, closes, and reads the end of the stream") {
    const auto v = each_variant();
    NEEDS(v.tested->handover() != nullptr, "does not offer fd2.handover/1");
    INFO(v);
    recorder into;
    const auto channel = started(v, into);
    fd2_carry carry{};
    REQUIRE(channel->release(carry) == FD2_OK);
    CHECK_FALSE(channel->take_child_end());
    driver heir(v, into, carry);
    REQUIRE(heir.start() == FD2_OK);
    CHECK(heir.join(fd2::after(fd2::now(), 20 * fd2::millisecond)) == FD2_E_TIMEDOUT);
    CHECK(channel->close() == FD2_OK);
    CHECK(heir.join(hang()) == FD2_OK);
    CHECK(into.reason() == FD2_END_EOF);
    CHECK(into.violations() == "");
}

CHECK_CASE(X07, must, "H6 H7", "a descriptor of another kind is refused and not touched",
           "offers files, pipes and sockets; looks at the descriptor and its flags afterwards") {
    const auto& each = tested();
    NEEDS(each->handover() != nullptr, "does not offer fd2.handover/1");
    const fd2_sink sink = recorder{}.sink();
    int pair[2];
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0);
    int pipe[2];
    REQUIRE(::pipe2(pipe, O_CLOEXEC) == 0);
    const fd2::unique_fd socket(pair[0]), other(pair[1]), read_end(pipe[0]), write_end(pipe[1]);
    const fd2::unique_fd file(::open("/proc/self/exe", O_RDONLY | O_CLOEXEC));
    const bool is_pipe = each->object() == object_kind::pipe;
    for (const int wrong : {file.get(), is_pipe ? socket.get() : read_end.get(),
                            is_pipe ? write_end.get() : write_end.get()}) {
        const int flags = ::fcntl(wrong, F_GETFL);
        const auto before = descriptors();
        const fd2_carry carry{sizeof(fd2_carry), medium_of(each), wrong, 0, 0};
        fd2_channel* channel = nullptr;
        fd2_error error = blank_error();
        CHECK(each->handover()->adopt(each->instance(), nullptr, &carry, &sink, &channel, &error) ==
              FD2_E_UNSUPPORTED);
        CHECK(error.code == FD2_E_UNSUPPORTED);
        CHECK(channel == nullptr);
        CHECK(changed_since(before) == "");
        CHECK(::fcntl(wrong, F_GETFL) == flags);
    }
}

CHECK_CASE(X05, must, "H1 H4",
           "a channel that ends or finishes meanwhile is not released, and ends by itself",
           "calls release after the end, after finish and in a race with both") {
    const auto v = each_variant();
    NEEDS(v.tested->handover() != nullptr, "does not offer fd2.handover/1");
    INFO(v);
    int released = 0;
    int finished = 0;
    for (int round = 0; round < 1500; ++round) {
        recorder into;
        into.keeps = false;
        const auto channel = started(v, into);
        const auto end = channel->take_child_end();
        REQUIRE(write_pattern(end.get(), 0, 50, 50));
        const auto mode = round % 2 == 0 ? FD2_FINISH_DRAIN : FD2_FINISH_NOW;
        fd2_carry carry{};
        std::int32_t finish = -1;
        std::int32_t release = -1;
        // Exactly one of the two gets the channel: an accepted finish is owed its on_end, a
        // released channel is nobody's to finish. Polled, one strand orders them.
        if (v.driven == way::thread) {
            std::atomic<int> ready{0};
            const auto meet = [&ready](int turns) {
                for (++ready; ready < 2;) std::this_thread::yield();
                for (int i = 0; i < turns; ++i) std::atomic_signal_fence(std::memory_order_seq_cst);
            };
            std::thread finisher([&] {
                meet(round * 37 % 4000);
                finish = channel->finish(mode);
            });
            meet(0);
            release = channel->release(carry);
            finisher.join();
        } else {
            release = round % 3 == 0 ? channel->release(carry) : FD2_E_STATE;
            finish = channel->finish(mode);
            if (round % 3 != 0) release = channel->release(carry);
        }
        INFO("round " << round << ": finish " << finish << ", release " << release);
        REQUIRE((finish == FD2_OK) != (release == FD2_OK));
        if (release == FD2_OK) {
            ++released;
            REQUIRE(finish == FD2_E_STATE);
            REQUIRE(into.ends() == 0);
            REQUIRE(channel->close() == FD2_OK);
            REQUIRE(::close(static_cast<int>(carry.read)) == 0);
        } else {
            ++finished;
            REQUIRE(release == FD2_E_STATE);
            REQUIRE(channel->join(hang()) == FD2_OK);
            REQUIRE(into.ends() == 1);
        }
        REQUIRE(into.violations() == "");
    }
    CHECK(released + finished == 1500);
}

CHECK_CASE(X17, must, "H4", "of two releases one gets the descriptor",
           "two threads call release at once") {
    const auto& each = tested();
    NEEDS(each->handover() != nullptr, "does not offer fd2.handover/1");
    std::size_t wrong = 0;
    for (int round = 0; round < 300; ++round) {
        recorder into;
        const auto channel = started({each, way::thread}, into);
        fd2_carry carries[2] = {};
        std::int32_t codes[2] = {-1, -1};
        std::thread second([&] {
            carries[1].struct_size = sizeof(fd2_carry);
            codes[1] = each->handover()->release(channel->raw(), &carries[1], nullptr);
        });
        codes[0] = channel->release(carries[0]);
        second.join();
        wrong += (codes[0] == FD2_OK) == (codes[1] == FD2_OK);
        const std::size_t winner = codes[0] == FD2_OK ? 0 : 1;
        wrong += codes[1 - winner] != FD2_E_STATE;
        wrong += ::close(static_cast<int>(carries[winner].read)) != 0;
        wrong += channel->close() != FD2_OK;
    }
    CHECK(wrong == 0);
}

CHECK_CASE(X09, must, "H2", "nothing is called back from the old side after release",
           "writes on afterwards and watches the old sink") {
    const auto v = each_variant();
    NEEDS(v.tested->handover() != nullptr, "does not offer fd2.handover/1");
    INFO(v);
    for (int round = 0; round < 100; ++round) {
        recorder into;
        into.keeps = false;
        const auto channel = started(v, into);
        fd2::unique_fd end = channel->take_child_end();
        std::atomic<bool> enough{false};
        std::atomic<bool> gone{false};
        std::thread writer([&] {
            for (std::uint64_t at = 0; !enough; at += 100) {
                if (!write_pattern(end.get(), at, 100, 100)) break;
            }
            gone = true;
        });
        (void)into.wait_bytes(static_cast<std::uint64_t>(round) * 50);
        fd2_carry carry{};
        REQUIRE(channel->release(carry) == FD2_OK);
        const std::uint64_t calls = into.calls();
        // The object fills up: had the old side gone on, it would be seen.
        std::this_thread::yield();
        CHECK(into.calls() == calls);
        enough = true;
        CHECK(channel->close() == FD2_OK);
        const fd2::unique_fd read_end(static_cast<int>(carry.read));
        (void)::fcntl(read_end.get(), F_SETFL, O_NONBLOCK);
        std::vector<std::uint8_t> rest(1 << 20);
        while (!gone) {  // it may be blocked
            if (::read(read_end.get(), rest.data(), rest.size()) < 0) std::this_thread::yield();
        }
        writer.join();
        CHECK(into.calls() == calls);
        CHECK(into.ends() == 0);
        CHECK(into.violations() == "");
    }
}

CHECK_CASE(X18, must, "H5", "a channel that holds a permit is not carried as paused",
           "resumes a paused channel whose object is empty, releases it and reads the flags; also "
           "one that was adopted paused and not started") {
    const auto v = each_variant();
    NEEDS(v.tested->handover() != nullptr, "does not offer fd2.handover/1");
    INFO(v);
    for (int round = 0; round < 50; ++round) {
        recorder into;
        into.on_bytes = [](const std::uint8_t*, std::uint32_t) { return FD2_PAUSE; };
        auto channel = started(v, into);
        const auto end = channel->take_child_end();
        REQUIRE(write_all(end.get(), "x", 1));
        REQUIRE(into.wait_bytes(1));
        fd2_carry carry{};
        if (round % 2 == 0) {
            // The permit is stored, or was used to wait for bytes: paused it is not.
            REQUIRE(channel->resume() == FD2_OK);
            REQUIRE(channel->release(carry) == FD2_OK);
            CHECK(carry.flags == 0);
        } else {
            REQUIRE(channel->release(carry) == FD2_OK);
            CHECK(carry.flags == FD2_CARRY_PAUSED);
            REQUIRE(channel->close() == FD2_OK);
            channel = std::make_unique<driver>(v, into, carry);
            REQUIRE(channel->code() == FD2_OK);
            REQUIRE(channel->resume() == FD2_OK);
            REQUIRE(channel->release(carry) == FD2_OK);
            CHECK(carry.flags == 0);
        }
        REQUIRE(channel->close() == FD2_OK);
        REQUIRE(::close(static_cast<int>(carry.read)) == 0);
    }
}
