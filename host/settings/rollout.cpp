#include "settings/rollout.hpp"

#include <bit>
#include <cstddef>

namespace fd2::settings {
namespace {

constexpr std::uint32_t first_factor = 0xcc9e2d51;
constexpr std::uint32_t second_factor = 0x1b873593;

std::uint32_t mixed(std::uint32_t block) noexcept {
    return std::rotl(block * first_factor, 15) * second_factor;
}

}  // namespace

std::uint32_t murmur3_32(std::string_view text) noexcept {
    const auto byte = [&](std::size_t at) {
        return static_cast<std::uint32_t>(static_cast<unsigned char>(text[at]));
    };
    std::uint32_t hash = 0;
    std::size_t at = 0;
    for (; at + 4 <= text.size(); at += 4) {
        const std::uint32_t block =
            byte(at) | byte(at + 1) << 8 | byte(at + 2) << 16 | byte(at + 3) << 24;
        hash = std::rotl(hash ^ mixed(block), 13) * 5 + 0xe6546b64;
    }
    std::uint32_t rest = 0;
    for (std::size_t i = text.size(); i > at; --i) rest = rest << 8 | byte(i - 1);
    hash ^= mixed(rest);
    hash ^= static_cast<std::uint32_t>(text.size());
    hash = (hash ^ hash >> 16) * 0x85ebca6b;
    hash = (hash ^ hash >> 13) * 0xc2b2ae35;
    return hash ^ hash >> 16;
}

std::uint32_t bucket_of(std::string_view salt, std::string_view key) {
    std::string whole(salt);
    whole += ':';
    whole += key;
    return murmur3_32(whole) % buckets;
}

std::string format_percent(std::uint32_t hundredths) {
    std::string out = std::to_string(hundredths / 100);
    const std::uint32_t rest = hundredths % 100;
    if (rest == 0) return out;
    out += '.';
    out += static_cast<char>('0' + rest / 10);
    if (rest % 10 != 0) out += static_cast<char>('0' + rest % 10);
    return out;
}

}  // namespace fd2::settings
