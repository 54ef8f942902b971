#include "settings/nearest.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <cstddef>
#include <utility>

#include "base/text_list.hpp"

namespace fd2::settings {
namespace {

/// Longer names are compared by their beginning: no key comes near this.
constexpr std::size_t longest = 64;

char folded(char c) noexcept {
    if (c == '_') return '-';
    return static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
}

/// Optimal string alignment distance, three rows.
std::size_t distance(std::string_view a, std::string_view b) noexcept {
    a = a.substr(0, longest);
    b = b.substr(0, longest);
    std::array<std::array<std::size_t, longest + 1>, 3> rows{};
    auto *before = &rows[0], *last = &rows[1], *row = &rows[2];
    for (std::size_t j = 0; j <= b.size(); ++j) (*last)[j] = j;
    for (std::size_t i = 1; i <= a.size(); ++i) {
        (*row)[0] = i;
        for (std::size_t j = 1; j <= b.size(); ++j) {
            const bool same = folded(a[i - 1]) == folded(b[j - 1]);
            std::size_t best = (*last)[j - 1] + (same ? 0 : 1);
            best = std::min({best, (*last)[j] + 1, (*row)[j - 1] + 1});
            if (i > 1 && j > 1 && folded(a[i - 1]) == folded(b[j - 2]) &&
                folded(a[i - 2]) == folded(b[j - 1])) {
                best = std::min(best, (*before)[j - 2] + 1);
            }
            (*row)[j] = best;
        }
        std::swap(before, last);
        std::swap(last, row);
    }
    return (*last)[b.size()];
}

}  // namespace

std::optional<std::string_view> nearest(std::string_view written,
                                        std::span<const std::string_view> candidates) {
    if (written.size() > longest) return std::nullopt;
    std::optional<std::string_view> best;
    std::size_t least = 0;
    for (const std::string_view candidate : candidates) {
        const std::size_t allowed = std::max<std::size_t>(1, candidate.size() / 3);
        const std::size_t steps = distance(written, candidate);
        if (steps > allowed || steps >= candidate.size() || (best && steps >= least)) continue;
        best = candidate;
        least = steps;
    }
    return best;
}

std::string suggest(std::string_view written, std::span<const std::string_view> candidates) {
    if (const auto meant = nearest(written, candidates)) {
        return "did you mean \"" + std::string(*meant) + "\"?";
    }
    if (candidates.empty()) return "nothing is valid here";
    return "valid here: " + join(candidates, ", ");
}

}  // namespace fd2::settings
