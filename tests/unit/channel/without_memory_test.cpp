// A move between backends while each allocation fails in turn: the channel is never left between
// the two.
#include <unistd.h>

#include <cstddef>
#include <cstdlib>
#include <optional>

#include "channel/channel.hpp"
#include "channel/selection.hpp"
#include "support/catch.hpp"
#include "support/hang.hpp"

namespace {

thread_local long still_gets = -1;  // allocations until one fails; negative: none does
thread_local bool one_has_failed = false;

void* allocate(std::size_t size) noexcept {
    if (still_gets >= 0 && still_gets-- == 0) {
        one_has_failed = true;
        return nullptr;
    }
    return std::malloc(size == 0 ? 1 : size);
}

}  // namespace

#include "support/failing_new.hpp"

using namespace fd2;
using fd2::test::hang;

namespace {

/// How the move ends whose allocation number `failing` fails. Nothing: it threw.
std::optional<bool> move_once(const channel::channel_view& moved, const channel::shared_backend& to,
                              long failing) {
    bool answered = false;
    bool good = false;
    const std::function<void(channel::hand_over_result)> note =
        [&](const channel::hand_over_result& how) {
            answered = true;
            good = static_cast<bool>(how);
        };
    one_has_failed = false;
    still_gets = failing;
    try {
        moved.hand_over(to, note);
    } catch (const std::bad_alloc&) {
        answered = false;
    }
    still_gets = -1;
    return answered ? std::optional(good) : std::nullopt;
}

}  // namespace

TEST_CASE("a channel that moves while memory is short is with one of the two, and goes on") {
    channel::loader plugins({{FD2_TEST_BACKENDS, channel::trust_source::caller}});
    channel::backend_pool pool(plugins, nullptr);
    const settings::settings config;
    // The second does not take a pipe: the first has to take it back.
    for (const char* target : {"pipe", "socketpair"}) {
        CAPTURE(target);
        const auto to = channel::backend_to_move_to(pool, config, target);
        REQUIRE(to);
        bool failed = true;
        long failing = 0;
        for (; failed; ++failing) {
            CAPTURE(failing);
            channel::open_request want;
            want.backends = {"pipe"};
            want.inherit = false;
            auto got = channel::open_channel(pool, config, want, {});
            REQUIRE(got);
            const auto moved = std::move(got->opened);
            auto end = moved->take_child_end();
            REQUIRE(end);
            (void)move_once(moved->view(), *to, failing);
            failed = one_has_failed;
            REQUIRE(::write(end->get(), "x", 1) == 1);
            end->reset();
            REQUIRE(moved->join_and_close(after(now(), hang)));
            const auto seen = moved->record()->figures();
            REQUIRE(seen.total_bytes == 1);
            REQUIRE(seen.end == end_kind::eof);
        }
        CHECK(failing > 1);
    }
}
