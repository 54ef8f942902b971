#include <fd2/end_kind.hpp>

namespace fd2 {

std::string_view name_of(end_kind end) noexcept {
    switch (end) {
        case end_kind::none:
            return "none";
        case end_kind::eof:
            return "eof";
        case end_kind::writers_remain:
            return "writers-remain";
        case end_kind::stopped:
            return "stopped";
        case end_kind::error:
            return "error";
    }
    return "none";
}

}  // namespace fd2
