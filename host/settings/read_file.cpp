#include "settings/read_file.hpp"

#include <filesystem>
#include <optional>
#include <string_view>
#include <system_error>
#include <utility>

#include "base/failure.hpp"
#include "base/files.hpp"
#include "base/system_code.hpp"
#include "base/trust.hpp"
#include "base/unique_fd.hpp"
#include "settings/quantity.hpp"

namespace fd2::settings {
namespace {

using outcome = file_bytes::outcome;

std::string_view name_of(file_kind kind) noexcept {
    switch (kind) {
        case file_kind::directory:
            return "a directory";
        case file_kind::pipe:
            return "a FIFO";
        case file_kind::device:
            return "a device";
        case file_kind::socket:
            return "a socket";
        default:
            return "of an unknown kind";
    }
}

/// What the call was and why it failed; whose file it is stands before that already.
file_bytes failed(const failure& why) {
    const std::string_view operation = std::string_view(why.message).substr(0, why.operation_size);
    return {outcome::failed, {}, system_failure(operation, "", why.sys_errno).message, {}};
}

file_bytes too_large() {
    return {outcome::failed,
            {},
            "is larger than " + format_size(static_cast<std::int64_t>(largest_file)),
            "a configuration file is a few lines; is this the right file?"};
}

file_bytes distrusted(const distrust& why) {
    return {outcome::distrusted, {}, why.component + ": " + why.why, why.mend};
}

/// Opens the file behind `path` once more, by its real path, whose meaning nobody else can change
/// once all directories of it are trusted. Sets `file` to it, or returns why it is not trusted.
std::optional<file_bytes> verify(const std::string& path, unique_fd& file) {
    const auto resolved = real_path(path);
    if (!resolved) return failed(resolved.error());
    if (const auto found = distrust_above(*resolved)) return distrusted(*found);
    auto opened = open_to_read(*resolved, last_link::refuse);
    if (!opened) return failed(opened.error());
    file = std::move(*opened);
    if (const auto found = distrust_of_open(*resolved, file.get())) return distrusted(*found);
    return std::nullopt;
}

}  // namespace

file_bytes check_trust(const std::string& path) {
    const file_bytes nothing_to_say{outcome::read, {}, {}, {}};
    std::error_code ignored;
    if (!std::filesystem::is_regular_file(path_of(path), ignored)) return nothing_to_say;
    unique_fd file;
    return verify(path, file).value_or(nothing_to_say);
}

file_bytes read_file(const std::string& path, file_trust trust) {
    auto opened = open_to_read(path);
    if (!opened) {
        const int why = opened.error().sys_errno;
        if (means_absent(why)) return {outcome::absent, {}, {}, {}};
        // A socket cannot be opened.
        if (means_no_file(why)) return {outcome::irregular, {}, "is not a regular file", {}};
        file_bytes out = failed(opened.error());
        if (means_denied(why)) out.result = outcome::refused;
        return out;
    }
    unique_fd owner = std::move(*opened);
    const auto kind = kind_of(owner.get());
    if (!kind) return failed(kind.error());
    if (*kind != file_kind::regular) {
        return {outcome::irregular,
                {},
                "is " + std::string(name_of(*kind)) + ", not a regular file",
                {}};
    }
    if (trust == file_trust::verified) {
        if (auto refused = verify(path, owner)) return std::move(*refused);
    }

    // The size is found by reading: st_size may be 0 (in /proc) or out of date.
    file_bytes out{outcome::read, {}, {}, {}};
    out.text.resize(largest_file + 1);
    std::size_t filled = 0;
    while (filled < out.text.size()) {
        const auto got = read_some(owner.get(), out.text.data() + filled, out.text.size() - filled);
        if (!got) return failed(got.error());
        if (*got == 0) break;
        filled += *got;
    }
    if (filled > largest_file) return too_large();
    out.text.resize(filled);
    return out;
}

}  // namespace fd2::settings
