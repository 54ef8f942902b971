#include "conformance/run.hpp"

#include <algorithm>
#include <iterator>
#include <list>
#include <utility>

#include "base/files.hpp"
#include "conformance/keeper.hpp"

namespace fd2::conformance {

namespace {

struct under_way {
    std::size_t place;  // of its check in the plan
    kept_check kept;
};

/// How bad it is: of repeated runs the worst verdict counts.
int badness(const verdict& checked) {
    return is_bad(checked.what) ? 2 : checked.what == status::skip ? 0 : 1;
}

/// A failure of a check that is no `must`, or that a waiver names, does not count.
void grade(verdict& checked, const check& judged, const plan& planned) {
    if (!is_bad(checked.what)) return;
    const auto waived = planned.waivers.find(checked.id);
    if (waived != planned.waivers.end()) {
        checked.reason = std::string(name_of(checked.what)) + ", waived until " +
                         waived->second.until + ": " + waived->second.reason;
        checked.what = status::waived;
    } else if (judged.grade != level::must) {
        checked.what = status::warn;
    }
}

worker_task task_of(const plan& planned, const std::string& id) {
    worker_task task;
    task.check = id;
    task.file = planned.plugin;
    task.options = planned.options;
    task.beside = planned.beside;
    task.seed = planned.seed;
    task.full = planned.full;
    return task;
}

bool is_interrupted(const plan& planned) {
    return planned.interrupted != nullptr && *planned.interrupted != 0;
}

/// Waits for one of those under way; its place in the list, or the list's end if there was an
/// interruption.
std::list<under_way>::iterator next_over(std::list<under_way>& all, const plan& planned,
                                         const interruptible& waits) {
    std::vector<const kept_check*> checks;
    for (const auto& each : all) checks.push_back(&each.kept);
    const std::size_t place = waits.wait(checks, [&] { return is_interrupted(planned); });
    return std::next(all.begin(), static_cast<std::ptrdiff_t>(place));
}

}  // namespace

std::size_t outcome::count(status what) const {
    return static_cast<std::size_t>(std::count_if(
        verdicts.begin(), verdicts.end(), [&](const verdict& each) { return each.what == what; }));
}

std::vector<std::string> outcome::refuted() const {
    // What a check proves of a claim. Those of group X prove HANDOVER together.
    static const std::map<std::string, std::string> proves = {
        {"H01", "pollable"}, {"H02", "event-loop"}, {"H04", "keeps-writers"}, {"H05", "reopenable"},
        {"H07", "atomic"},   {"H10", "tty"},        {"K01", "wake"}};
    std::vector<std::string> out;
    for (const std::string& id : failed()) {
        const auto known = proves.find(id);
        std::string claim = id.front() == 'X' ? "handover" : "";
        if (known != proves.end()) claim = known->second;
        const bool claimed =
            std::count(backend.capabilities.begin(), backend.capabilities.end(), claim) != 0;
        if (claimed && std::count(out.begin(), out.end(), claim) == 0) out.push_back(claim);
    }
    return out;
}

std::vector<std::string> outcome::failed() const {
    std::vector<std::string> out;
    for (const verdict& one : verdicts) {
        if (is_bad(one.what)) out.push_back(one.id);
    }
    return out;
}

bool outcome::conforms() const {
    const std::size_t judged = verdicts.size() - count(status::skip);
    return judged != 0 && unfinished == 0 &&
           std::none_of(verdicts.begin(), verdicts.end(),
                        [](const verdict& each) { return is_bad(each.what); });
}

result<outcome> run(const plan& planned, const progress& tell) {
    const std::string program = own_executable();
    if (program.empty()) {
        return failure{errc::unsupported, 0, "cannot find this program: /proc is missing"};
    }
    outcome out;
    out.plugin = planned.plugin;
    out.options = planned.options;
    out.seed = planned.seed;
    out.full = planned.full;
    const nanoseconds_t begin = now();
    const interruptible waits;

    auto described = kept_check::start(task_of(planned, "describe"), program, planned.limit);
    if (!described) return std::move(described).error();
    std::vector<const check*> checks = planned.checks;
    std::list<under_way> running;
    running.push_back({0, std::move(*described)});
    if (next_over(running, planned, waits) == running.end()) {
        out.unfinished = checks.size();
        return out;
    }
    verdict first = running.front().kept.take(&out.backend);
    running.clear();
    if (first.what != status::pass) {
        // What is wrong with the file may be why.
        std::erase_if(checks, [](const check* each) { return each->id[0] != 'S'; });
        tell(first, 1, 1 + checks.size());
        out.verdicts.push_back(std::move(first));
    }
    const std::size_t all = checks.size() * planned.repeat;
    std::vector<std::optional<verdict>> verdicts(checks.size());
    std::size_t over = 0;
    nanoseconds_t limit = planned.limit;
    int hung = 0;
    for (std::size_t next = 0; over < all;) {
        while (next < all && running.size() < std::max(1U, planned.jobs)) {
            const std::size_t place = next % checks.size();
            if (const auto* why = checks[place]->absent_for(out.backend.medium); why != nullptr) {
                verdict skipped;
                skipped.id = checks[place]->id;
                skipped.what = status::skip;
                skipped.reason = *why;
                tell(skipped, ++over, all);
                verdicts[place] = std::move(skipped);
                ++next;
                continue;
            }
            auto kept = kept_check::start(task_of(planned, checks[place]->id), program, limit);
            if (!kept) return std::move(kept).error();
            running.push_back({place, std::move(*kept)});
            ++next;
        }
        if (running.empty()) continue;
        const auto at = next_over(running, planned, waits);
        if (at == running.end()) break;
        verdict newest = at->kept.take();
        // A backend that hangs mostly does so everywhere: not two minutes for each check.
        if (newest.what == status::hang && ++hung == 3) limit = std::max(limit / 8, second);
        const std::size_t place = at->place;
        running.erase(at);
        grade(newest, *checks[place], planned);
        tell(newest, ++over, all);
        auto& kept = verdicts[place];
        if (!kept || badness(newest) > badness(*kept)) kept = std::move(newest);
    }
    for (auto& each : verdicts) {
        if (each) {
            out.verdicts.push_back(std::move(*each));
        } else {
            ++out.unfinished;
        }
    }
    out.seconds = static_cast<double>(now() - begin) / double{second};
    return out;
}

}  // namespace fd2::conformance
