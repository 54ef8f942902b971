#include "capture/lines.hpp"

#include "capture/newline_lanes.hpp"

namespace fd2::capture {

std::uint64_t count_newlines_narrow(const std::uint8_t* data, std::size_t size) noexcept {
    using lanes_16 = std::uint8_t __attribute__((vector_size(16)));
    return count_in_lanes<lanes_16>(data, size);
}

std::uint64_t line_consumer::take_block(const line_block& block) noexcept {
    line_view line;
    line.number = block.first;
    line.time = block.time;
    std::uint64_t refused = 0;
    for (std::string_view text = block.text; !text.empty(); ++line.number) {
        const std::size_t size = first_line(text);
        line.rest = text.substr(0, size - 1);
        refused += !try_take(line);
        text.remove_prefix(size);
    }
    return refused;
}

}  // namespace fd2::capture
