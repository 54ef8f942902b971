// Sticky percentages: which part of the hosts, users or machines a rule applies to.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace fd2::settings {

/// MurmurHash3_x86_32 of Austin Appleby with the seed 0, which the clients of Unleash use for the
/// same purpose. The same on every machine.
std::uint32_t murmur3_32(std::string_view text) noexcept;

/// All buckets, in hundredths of a percent.
inline constexpr std::uint32_t buckets = 10'000;

/// The bucket of a key, 0 to 9999: the hash of "SALT:KEY", modulo 10000. A rule applies to a key if
/// its bucket is below the rule's percentage in hundredths. So a higher percentage applies to every
/// key that a lower one applies to.
std::uint32_t bucket_of(std::string_view salt, std::string_view key);

/// "12.5" for 1250.
std::string format_percent(std::uint32_t hundredths);

}  // namespace fd2::settings
