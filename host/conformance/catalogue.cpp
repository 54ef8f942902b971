#include "conformance/catalogue.hpp"

#include <algorithm>
#include <cstdlib>
#include <iterator>
#include <map>
#include <sstream>
#include <tuple>

namespace fd2::conformance {

namespace {

std::vector<check>& collected() {
    static std::vector<check> all;
    return all;
}

/// Check → why it is absent.
std::multimap<std::string, check::absence>& absences() {
    static std::multimap<std::string, check::absence> all;
    return all;
}

std::size_t place_of(const check& one) {
    const auto& all = groups();
    const auto at = std::find_if(all.begin(), all.end(),
                                 [&](const group& each) { return each.letter == one.id[0]; });
    return static_cast<std::size_t>(at - all.begin());
}

auto order_of(const check& one) {
    return std::tuple(place_of(one), std::atoi(one.id.c_str() + 1));
}

}  // namespace

std::string_view name_of(level grade) noexcept {
    switch (grade) {
        case level::must:
            return "must";
        case level::should:
            return "should";
        case level::performance:
            return "performance";
    }
    return "?";
}

const std::vector<group>& groups() {
    static const std::vector<group> all = {
        {'S', "the file, without running it"},
        {'N', "loading, tables, extensions"},
        {'C', "options"},
        {'H', "claims that are made must hold"},
        {'G', "life cycle"},
        {'B', "bytes"},
        {'K', "finish, pause and wake-up"},
        {'F', "descriptors"},
        {'T', "threads, signals and the process"},
        {'E', "errors"},
        {'X', "hand-over"},
        {'Z', "generated sequences of calls"},
        {'P', "performance"},
    };
    return all;
}

const std::vector<check>& checks() {
    static const std::vector<check> all = [] {
        std::vector<check> sorted = collected();
        for (const auto& [id, why] : absences()) {
            auto known =
                std::find_if(sorted.begin(), sorted.end(),
                             [&wanted = id](const check& each) { return each.id == wanted; });
            if (known == sorted.end()) {
                sorted.push_back({id, level::must, {}, "a check of other platforms", "", {}});
                known = std::prev(sorted.end());
            }
            known->absences.push_back(why);
        }
        std::sort(sorted.begin(), sorted.end(),
                  [](const check& a, const check& b) { return order_of(a) < order_of(b); });
        return sorted;
    }();
    return all;
}

const check* find_check(std::string_view id) {
    static const check describe = {
        "describe",
        level::must,
        {"X1", "X2", "X3", "L1"},
        "the plugin loads, and a channel of it opens, starts and ends",
        "comes before all others, which need it: loads the file as a host does, and calls init, "
        "open, take_child_end, start, finish, join and close",
        {}};
    if (id == describe.id) return &describe;
    for (const check& each : checks()) {
        if (each.id == id) return &each;
    }
    return nullptr;
}

registered::registered(const char* id, level grade, const char* rules, const char* title,
                       const char* how) {
    check made{id, grade, {}, title, how, {}};
    std::istringstream words(rules);
    for (std::string word; words >> word;) made.rules.push_back(word);
    collected().push_back(std::move(made));
}

absent::absent(const char* ids, const char* reason, const char* medium, bool applies) {
    std::istringstream words(ids);
    for (std::string word; applies && words >> word;) {
        absences().emplace(word, check::absence{reason, medium});
    }
}

const std::string* check::absent_for(std::string_view medium) const {
    for (const absence& each : absences) {
        if (each.medium.empty() || each.medium == medium) return &each.reason;
    }
    return nullptr;
}

}  // namespace fd2::conformance
