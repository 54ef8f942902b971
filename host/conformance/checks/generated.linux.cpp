// Sequences of calls that are generated.
#include <rapidcheck.h>
#include <signal.h>

#include <unordered_map>

#include "conformance/check.hpp"
#include "conformance/sequence.hpp"

using namespace fd2::conformance;

namespace {

/// RapidCheck's own one prints.
class silent : public rc::detail::TestListener {
    void onTestCaseFinished(const rc::detail::CaseDescription&) override {}
    void onShrinkTried(const rc::detail::CaseDescription&, bool) override {}
    void onTestFinished(const rc::detail::TestMetadata&, const rc::detail::TestResult&) override {}
};

}  // namespace

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
