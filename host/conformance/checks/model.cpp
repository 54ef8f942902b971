// The life cycle against its model (model.hpp): each step in each state, and generated sequences.
#include "conformance/model.hpp"

#include <rapidcheck.h>
#include <signal.h>

#include <algorithm>
#include <map>
#include <unordered_map>

#include "conformance/check.hpp"
#include "conformance/driver.hpp"
#include "conformance/sequence.hpp"

using namespace fd2::conformance;

namespace {

constexpr const char* as_the_model = "each step returns and does what the model says";

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

/// RapidCheck's own one prints.
class silent : public rc::detail::TestListener {
    void onTestCaseFinished(const rc::detail::CaseDescription&) override {}
    void onShrinkTried(const rc::detail::CaseDescription&, bool) override {}
    void onTestFinished(const rc::detail::TestMetadata&, const rc::detail::TestResult&) override {}
};

bool needs_handover(const std::vector<step>& steps) {
    return std::find(steps.begin(), steps.end(), step::release) != steps.end();
}

}  // namespace

CHECK_CASE(G18, must, "L2 L3 L11 F4 F7 F10 P2 P4 P5 P10 H1 H8 E1 E2 C7",
           "every call in every state answers as the contract says",
           "brings a channel into each state and makes each call there; compares with the model of "
           "the contract") {
    const auto v = each_variant();
    ::signal(SIGPIPE, SIG_IGN);
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

CHECK_CASE(
    Z01, must, "L2 L4 L5 L6 L10 L11 B1 B3 B4 B5 B7 F1 F4 F6 F7 F9 F10 P2 P7 P10 H1 H3 H5 H10",
    "sequences of calls do what the model of the contract says",
    "generates sequences, some thousand with --profile all, and shrinks one that fails; --seed "
    "gives the same ones") {
    const auto& each = tested();
    ::signal(SIGPIPE, SIG_IGN);
    // What ends a channel is rare, so that much comes before it.
    const std::pair<std::size_t, step> weighted[] = {
        {6, step::start},
        {6, step::attach_poll},
        {6, step::take_child_end},
        {4, step::resume},
        {1, step::finish_drain},
        {1, step::finish_now},
        {1, step::finish_nonsense},
        {2, step::join},
        {1, step::close},
        {3, step::release},
        {8, step::adopt},
        {8, step::on_ready},
        {1, step::info},
        {1, step::deinit},
        {8, step::write},
        {1, step::leave},
        {3, step::hold},
        {6, step::let_go},
        {4, step::say_go},
        {4, step::say_pause},
        {1, step::say_stop},
    };
    std::size_t sum = 0;
    for (const auto& [weight, one] : weighted) sum += weight;
    const auto any_step =
        rc::gen::noShrink(rc::gen::map(rc::gen::inRange<std::size_t>(0, sum), [&](std::size_t at) {
            for (const auto& [weight, one] : weighted) {
                if (at < weight) return one;
                at -= weight;
            }
            return step::info;
        }));
    std::string went_wrong;
    fd2::nanoseconds_t patience = fd2::never;
    rc::detail::TestParams params;
    params.seed = seed();
    params.maxSuccess = static_cast<int>(scaled(8000));
    params.maxSize = 100;
    silent listener;
    (void)rc::detail::checkTestable(
        [&] {
            const auto steps = *rc::gen::container<std::vector<step>>(any_step);
            if (fd2::now() > patience) return;  // shrunk enough, where each failure takes long
            const std::string wrong = play(each, steps);
            if (wrong.empty()) return;
            went_wrong = wrong;
            if (patience == fd2::never) patience = fd2::after(fd2::now(), 20 * fd2::second);
            about_to(went_wrong);
            RC_FAIL(wrong);
        },
        rc::detail::TestMetadata{}, params, listener,
        std::unordered_map<std::string, rc::detail::Reproduce>{});
    INFO("seed " << seed());
    JUDGE(as_the_model, went_wrong);
}
