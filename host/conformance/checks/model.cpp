// The life cycle against its model (model.hpp): each step in each state.
#include "conformance/model.hpp"

#include <algorithm>
#include <map>

#include "conformance/check.hpp"
#include "conformance/driver.hpp"
#include "conformance/sequence.hpp"

using namespace fd2::conformance;

namespace {

/// A way to each state, and to what a channel may be like in it.
std::map<std::string, std::vector<step>> ways(way by) {
    using enum step;
    const bool polled = by == way::poll;
    const step begin = polled ? attach_poll : start;
    const auto then = [](std::vector<step> first, std::initializer_list<step> more) {
        first.insert(first.end(), more);
        return first;
    };
    // Where the loop is the check's, it has to be asked.
    const auto drained = [&](std::vector<step> first) {
        if (polled) first.push_back(on_ready);
        return first;
    };
    const std::vector<step> running = {take_child_end, begin};
    const auto paused = drained(then(running, {say_pause, write}));
    const auto waiting = then(paused, {write});  // bytes in the kernel
    return {
        {"OPEN", {}},
        {"OPEN, taken", {take_child_end}},
        {"OPEN, adopted", {begin, release, adopt}},
        {"OPEN, adopted, paused", then(paused, {release, adopt})},
        {"RUNNING", {begin}},
        {"RUNNING, taken", running},
        {"RUNNING, paused", paused},
        {"RUNNING, adopted", {begin, release, adopt, begin}},
        {"RUNNING, adopted, paused", drained(then(waiting, {release, adopt, begin}))},
        {"FINISHING", polled ? then(running, {finish_drain}) : then(running, {hold, finish_drain})},
        {"ENDED by now", {begin, finish_now}},
        {"ENDED by drain", drained(then(running, {write, finish_drain}))},
        {"ENDED by EOF", drained(then(running, {write, leave}))},
        {"ENDED by STOP", drained(then(running, {say_stop, write}))},
        {"JOINED", {begin, finish_now, join}},
        {"RELEASED", {begin, release}},
        {"RELEASED, paused", then(paused, {release})},
    };
}

bool needs_handover(const std::vector<step>& steps) {
    return std::find(steps.begin(), steps.end(), step::release) != steps.end();
}

}  // namespace

CHECK_CASE(G18, must, "L2 L3 L11 F4 F7 F10 P2 P4 P5 P10 H1 H8 E1 E2 C7",
           "every call in every state answers as the contract says",
           "brings a channel into each state and makes each call there; compares with the model of "
           "the contract") {
    const auto v = each_variant();
    ignore_broken_pipes();
    for (const auto& [name, way_there] : ways(v.driven)) {
        if (needs_handover(way_there) && v.tested->handover() == nullptr) continue;
        for (int each = 0; each < step_count; ++each) {
            auto steps = way_there;
            steps.push_back(static_cast<step>(each));
            about_to(name + std::string(": ") + step_names[each]);
            const std::string went_wrong = play(v.tested, steps);
            INFO(v << ", " << name << ": " << step_names[each]);
            JUDGE(as_the_model, went_wrong);
        }
    }
}
