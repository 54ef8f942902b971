// What to do next, with what the line names in place of words like HOST.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace fd2::cause {

/// `next` for people. `{1:HOST}` is what the first hole of the line stands for, or HOST if there is
/// none or it is not a single harmless word: the remote host may have written the line, and advice
/// is copied into shells.
std::string advice_of(std::string_view next, std::span<const std::string_view> holes = {});

/// The highest number in the placeholders of `next`; nothing: one of them is wrong.
std::optional<std::size_t> holes_needed(std::string_view next) noexcept;

}  // namespace fd2::cause
