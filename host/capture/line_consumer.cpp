#include "capture/line_consumer.hpp"

#include "capture/newlines.hpp"

namespace fd2::capture {

std::uint64_t line_consumer::offer_block(const line_block& block) noexcept {
    line_view line;
    line.number = block.first;
    line.time = block.time;
    std::uint64_t refused = 0;
    for (std::string_view text = block.text; !text.empty(); ++line.number) {
        const std::size_t size = first_line(text);
        line.rest = text.substr(0, size - 1);
        refused += !offer(line);
        text.remove_prefix(size);
    }
    return refused;
}

}  // namespace fd2::capture
