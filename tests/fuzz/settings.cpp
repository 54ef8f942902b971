// The text of a configuration file.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "settings/assembly.hpp"
#include "settings/document.hpp"
#include "settings/keys.hpp"
#include "settings/values.hpp"

namespace {

using namespace fd2::settings;

void expect(bool good) {
    if (!good) std::abort();
}

assembly read(const std::string& text) {
    assembly out;
    if (const auto document = parse_document(text, "fd2.yaml", out.found)) {
        apply_file(*document, "fd2.yaml", out);
    }
    return out;
}

/// What was understood, as a file that says it again.
std::string written(const assembly& what) {
    std::string out;
    std::string section;
    for (const key_info& key : keys()) {
        const auto dot = key.name.find('.');
        const bool top = dot == key.name.npos;
        const std::string first(top ? std::string_view() : key.name.substr(0, dot));
        if (!top && first != section) out += first + ":\n";
        section = first;
        out += top ? "" : "  ";
        out += key.name.substr(top ? 0 : dot + 1);
        out += ": " + yaml_of(key, key.get(what.values)) + "\n";
    }
    return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const assembly got = read(std::string(reinterpret_cast<const char*>(data), size));
    for (const diagnostic& one : got.found.all()) {
        for (const char c : one.text()) expect(static_cast<unsigned char>(c) >= 0x20 && c != 0x7f);
    }
    if (got.found.has_errors()) return 0;
    const assembly again = read(written(got));
    expect(!again.found.has_errors());
    for (const key_info& key : keys()) expect(key.get(again.values) == key.get(got.values));
    return 0;
}
