#include "conformance/world.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include "conformance/poller.hpp"
#include "conformance/recorder.hpp"

namespace fd2::conformance {

namespace {
// A prime, so that no block size divides it and a lost or doubled block cannot go unnoticed.
constexpr std::size_t period = 1048573;

const std::vector<std::uint8_t>& pattern() {
    // Never destroyed: a test leaves by exit while drains still compare.
    static const std::vector<std::uint8_t>* const bytes = [] {
        auto* made = new std::vector<std::uint8_t>(period);
        std::mt19937_64 random(2);
        for (auto& byte : *made) {
            byte = static_cast<std::uint8_t>(random());
            if (byte == '\n') byte = 'n';
        }
        return made;
    }();
    return *bytes;
}
}  // namespace

const std::uint8_t* pattern_at(std::uint64_t position, std::size_t& contiguous) {
    const auto at = static_cast<std::size_t>(position % period);
    contiguous = period - at;
    return pattern().data() + at;
}

bool pattern_matches(std::uint64_t position, const std::uint8_t* data, std::size_t size) {
    while (size != 0) {
        std::size_t part = 0;
        const std::uint8_t* want = pattern_at(position, part);
        part = std::min(part, size);
        if (std::memcmp(want, data, part) != 0) return false;
        position += part;
        data += part;
        size -= part;
    }
    return true;
}

bool write_pattern(int fd, std::uint64_t position, std::uint64_t size, std::size_t piece) {
    while (size != 0) {
        std::size_t part = 0;
        const std::uint8_t* from = pattern_at(position, part);
        part = static_cast<std::size_t>(std::min<std::uint64_t>({part, size, piece}));
        if (!write_all(fd, from, part)) return false;
        position += part;
        size -= part;
    }
    return true;
}

namespace {
std::vector<const deed*>& all_deeds() {
    static std::vector<const deed*> all;
    return all;
}
}  // namespace

deed::deed(const char* called, int (*does)(std::uint64_t, std::uint64_t))
    : name(called), act(does) {
    all_deeds().push_back(this);
}

const deed* find_deed(std::string_view name) {
    for (const deed* each : all_deeds()) {
        if (each->name == name) return each;
    }
    return nullptr;
}

const char* name_of(object_kind kind) noexcept {
    switch (kind) {
        case object_kind::pipe:
            return "a pipe";
        case object_kind::unix_stream:
            return "a Unix stream socket";
        case object_kind::tcp:
            return "a TCP connection";
        case object_kind::terminal:
            return "a terminal";
        case object_kind::other:
            break;
    }
    return "another object";
}

std::string changed_since(const descriptor_table& before) {
    const descriptor_table present = descriptors();
    std::string opened, closed, changed;
    const auto add = [](std::string& list, const auto& entry) {
        list += (list.empty() ? "" : ", ") + std::to_string(entry.first) + " " + entry.second.name;
    };
    for (const auto& entry : present) {
        const auto old = before.find(entry.first);
        if (old == before.end()) {
            add(opened, entry);
        } else if (!(old->second == entry.second)) {
            add(changed, entry);
        }
    }
    for (const auto& entry : before) {
        if (present.count(entry.first) == 0) add(closed, entry);
    }
    std::string out;
    for (const auto& [what, list] :
         {std::pair("left open: ", opened), std::pair("closed: ", closed),
          std::pair("became: ", changed)}) {
        if (!list.empty()) out += (out.empty() ? "" : "; ") + (what + list);
    }
    return out;
}

bool wait_for_tasks(std::size_t count) {
    const auto until = hang();
    while (tasks().size() > count) {
        if (now() > until) return false;
        sleep_for(millisecond);  // the kernel tells nobody when a thread's entry goes
    }
    return true;
}

}  // namespace fd2::conformance
