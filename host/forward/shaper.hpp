// How bytes change between the child and our stderr: one small state machine for each mode that
// changes them. Pure computation; one thread at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

namespace fd2::forward {

/// What is to be written, and how many of the child's bytes it stands for. `data` points into what
/// was fed or into the scratch string, and lives as long as both.
struct shaped {
    const std::uint8_t* data = nullptr;
    std::size_t size = 0;
    std::uint64_t child_bytes = 0;
};

class shaper {
  public:
    virtual ~shaper() = default;

    /// Takes all of `data`; gives what is ready, keeps an unfinished end. Throws bad_alloc.
    virtual shaped feed(const std::uint8_t* data, std::size_t size, std::string& scratch) = 0;

    /// Gives an unfinished end. `last`: nothing is expected to follow. Throws bad_alloc.
    virtual shaped end(bool last, std::string& scratch) = 0;

    /// Whether something is kept that should go out when the child falls silent.
    virtual bool restless() const noexcept = 0;

    /// The largest size, at most `size`, at which output may be cut when the rest is dropped.
    virtual std::size_t cut(const std::uint8_t* data, std::size_t size) const noexcept = 0;

    /// Output was dropped: what comes next starts afresh; what is kept stays.
    virtual void lost() noexcept = 0;

    /// Forgets what is kept.
    virtual void reset() noexcept = 0;
};

/// Mode `lines`: whole lines, each after `prefix`, whose characters outlive the shaper.
std::unique_ptr<shaper> line_shaper(const std::string& prefix);

/// Mode `lossy`: every maximal invalid subpart becomes one U+FFFD (Unicode 15, 3.9, as Rust's
/// from_utf8_lossy does), with the state kept between chunks.
std::unique_ptr<shaper> utf8_shaper();

}  // namespace fd2::forward
