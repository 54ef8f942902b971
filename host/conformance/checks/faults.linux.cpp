// Everything that can fail does, once: allocations and system calls, in every call of a backend's
// life.
#include "conformance/faults.hpp"

#include <signal.h>

#include <algorithm>
#include <cerrno>
#include <numeric>
#include <random>
#include <vector>

#include "base/failure.hpp"
#include "conformance/check.hpp"
#include "conformance/driver.hpp"
#include "conformance/life.hpp"
#include "conformance/world.hpp"

using namespace fd2::conformance;

namespace {

constexpr const char* as_the_contract = "each call does what the contract says";

/// What a life must leave as it was.
struct surroundings {
    descriptor_table open = descriptors();
    std::size_t threads = tasks().size();
};

/// Lives with one fault, after `arm`. What went wrong.
template <class Arm>
std::string live_with(const variant& v, surroundings& before, Arm&& arm,
                      const std::function<fault()>& failed, const std::function<void()>& disarm) {
    const auto once = [&] {
        arm();
        std::string wrong = live(v, failed);
        disarm();
        return wrong;
    };
    const auto add = [](std::string& to, const std::string& what) {
        to += (to.empty() ? "" : "\n") + what;
    };
    std::string wrong = once();
    if (!wait_for_tasks(before.threads)) {
        add(wrong, "a thread is left");
        before.threads = tasks().size();  // told once
    }
    for (const std::string& path : remove_files_left()) add(wrong, path + " is left");
    const auto open = descriptors();
    if (open != before.open) {
        add(wrong, std::to_string(open.size()) + " descriptors are open, expected " +
                       std::to_string(before.open.size()));
        before.open = open;
    }
    // What is made once and kept, such as the memory of a thread's stack that the C library will
    // use again, is no leak. What is lost again each time is one.
    constexpr int times = 8;
    int lost = 0;
    if (allocations_left() != 0 && wrong.empty()) {
        for (int i = 0; i < times && once().empty(); ++i) lost += allocations_left() != 0;
    }
    if (lost == times) add(wrong, "memory is lost");
    return wrong;
}

}  // namespace

CHECK_CASE(E03, must, "E1 E3 E6 L3 L12 S7 S8 S9",
           "an allocation that fails is RESOURCE, leaves nothing, and loses no byte",
           "lives through init, channels with pause and hand-over, and deinit, each allocation in "
           "turn failing; counts descriptors, threads and memory") {
    const auto v = each_variant();
    NEEDS(allocations_can_fail(),
          "this program is built with a sanitizer, which has its own malloc");
    const host_code own;
    surroundings before;
    const auto none = [] { return fault{}; };
    std::string went_wrong = live_with(
        v, before, [] { fail_allocation(0); }, none, spare_allocations);
    INFO(v);
    JUDGE(as_the_contract, went_wrong);
    if (!went_wrong.empty()) return;
    const std::uint64_t all = allocations_made();
    NEEDS(all != 0, "allocates nothing through malloc");
    for (std::uint64_t each = 1; each <= all; ++each) {
        const std::string what =
            "allocation " + std::to_string(each) + " of " + std::to_string(all) + " fails";
        about_to(what);
        const auto failed = [] { return fault{allocation_failed() ? ENOMEM : 0}; };
        went_wrong = live_with(
            v, before, [&] { fail_allocation(each); }, failed, spare_allocations);
        INFO(what);
        JUDGE(as_the_contract, went_wrong);
    }
}

namespace {

struct planned {
    std::size_t kind;
    std::uint64_t number;
    int sys_errno;
};

/// The faults of one life, as it was counted. In part: of each kind with each errno the sixteenth,
/// chosen by the seed, but `least`: a call that sets something up is made a few times only.
std::vector<planned> plan_faults(bool makes) {
    constexpr std::uint64_t least = 4;
    std::vector<planned> chosen;
    for (std::size_t kind = 0; kind < call_kinds().size(); ++kind) {
        const auto& [name, errnos, purpose] = call_kinds()[kind];
        if ((purpose == call_kind::makes) != makes) continue;
        // What is done again and again, such as to wait, fails the same way each time.
        const auto times = std::min<std::uint64_t>(calls_made(kind), 64);
        for (const int sys_errno : errnos) {
            std::vector<std::uint64_t> numbers(times);
            std::iota(numbers.begin(), numbers.end(), 1);
            // Each by itself: how often some calls are made depends on the turns of the threads.
            std::mt19937_64 random(seed() + kind * 1000 + static_cast<unsigned>(sys_errno));
            std::shuffle(numbers.begin(), numbers.end(), random);
            numbers.resize(std::min(times, std::max(scaled(times), least)));
            for (const auto number : numbers) chosen.push_back({kind, number, sys_errno});
        }
    }
    return chosen;
}

/// Sweeps the calls that make descriptors and threads, or the others.
void sweep_calls(const variant& v, bool makes) {
    struct seen {
        std::string what;
        std::string went_wrong;
    };
    std::vector<seen> findings;
    std::size_t lived = 0;
    ::signal(SIGPIPE, SIG_IGN);
    const bool possible = with_faulty_calls([&] {
        surroundings before;
        const auto none = [] { return fault{}; };
        const auto count = [] {
            fail_allocation(0);
            count_calls();
        };
        std::string wrong = live_with(v, before, count, none, spare_calls);
        if (!wrong.empty()) {
            findings.push_back({"nothing fails", wrong});
            return;
        }
        constexpr std::size_t enough = 8;  // a backend that hangs does so with each of them
        for (const planned& each : plan_faults(makes)) {
            if (findings.size() == enough) break;
            const auto& kind = call_kinds()[each.kind];
            const std::string what = std::string(kind.name) + " number " +
                                     std::to_string(each.number) + " fails with " +
                                     fd2::errno_name(each.sys_errno);
            about_to(what);
            ++lived;
            wrong = live_with(
                v, before,
                [&] {
                    fail_allocation(0);
                    fail_call(each.kind, each.number, each.sys_errno);
                },
                [&] {
                    if (!call_failed()) return fault{};
                    return fault{each.sys_errno, kind.purpose == call_kind::asks,
                                 kind.purpose == call_kind::sets};
                },
                spare_calls);
            if (wrong_closes() != 0) wrong += "\na descriptor is closed that is not open";
            if (!wrong.empty()) findings.push_back({what, wrong});
        }
        spare_allocations();
    });
    NEEDS(possible, "seccomp is not allowed here");
    INFO(v << ", " << lived << " calls failed");
    for (const auto& [what, went_wrong] : findings) {
        INFO(what);
        JUDGE(as_the_contract, went_wrong);
    }
    JUDGE(as_the_contract, "");
}

}  // namespace

CHECK_CASE(
    F08, must, "E1 E3 E6 L3 L12 S7 S8",
    "a descriptor or thread that cannot be made fails with the right code and leaves nothing",
    "seccomp lets each such call of a backend's life fail in turn, with each errno that it can "
    "have") {
    sweep_calls(each_variant(), true);
}

CHECK_CASE(E04, must, "E1 E3 E6 L3 L12 B1 B7 S7 S8",
           "a system call that fails loses no byte, leaves nothing and hangs nothing",
           "seccomp lets each call of a backend's life fail in turn, with each errno that it can "
           "have") {
    sweep_calls(each_variant(), false);
}
