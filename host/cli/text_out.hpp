// Something that accepts text piece by piece.
#pragma once

#include <string_view>

namespace fd2::cli {

class text_out {
  public:
    virtual ~text_out() = default;
    virtual void put(std::string_view text) noexcept = 0;
};

}  // namespace fd2::cli
