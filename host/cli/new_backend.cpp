#include "cli/new_backend.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <sstream>
#include <string_view>

#include "base/files.hpp"
#include "base/plain_text.hpp"
#include "cli/environment.hpp"
#include "settings/origin.hpp"
#include "settings/values.hpp"

namespace fd2::cli {

namespace {

/// A file of an example.
struct example_file {
    std::string_view name;
    std::string_view text;
};

/// An example, and the name by which it calls its backend everywhere in its files.
struct example {
    std::string_view language;
    std::string_view id;
    example_file source;
    example_file project;
};

constexpr example examples[] = {
#include "examples.inc"
};

// The contract's limit for an id.
constexpr std::size_t longest_id = 32;

// The kernel's limit for the name of a thread.
constexpr std::size_t longest_thread_name = 15;

std::string replaced(std::string_view text, const std::string& from, const std::string& to) {
    std::string out(text);
    for (std::size_t at = 0; (at = out.find(from, at)) != out.npos; at += to.size()) {
        out.replace(at, from.size(), to);
    }
    return out;
}

std::string renamed(std::string_view text, const std::string& from, const std::string& to) {
    const std::string thread = ("fd2-" + to).substr(0, longest_thread_name);
    return replaced(replaced(text, "\"fd2-" + from + '"', '"' + thread + '"'), from, to);
}

status write(const std::filesystem::path& file, const std::string& text) {
    errno = 0;
    std::ofstream out(file, std::ios::binary);
    out << text;
    out.close();
    if (out) return {};
    return system_failure("new-backend: write", file.string(), errno == 0 ? EIO : errno);
}

/// Where CMake looks for packages in any case; it also looks beside each directory of PATH.
bool is_searched(const std::filesystem::path& prefix) {
    if (prefix == "/usr" || prefix == "/usr/local") return true;
    const char* const path = std::getenv("PATH");
    std::istringstream all(path != nullptr ? path : "");
    std::error_code unknown;
    for (std::string each; std::getline(all, each, ':');) {
        if (std::filesystem::equivalent(each, prefix / "bin", unknown)) return true;
    }
    return false;
}

/// How CMake is told where the package of this fd2 is: the words of the command line, and what to
/// know if there is none here.
struct package_place {
    std::string words;
    std::string remark;
};

package_place place_of_package() {
    namespace fs = std::filesystem;
    const fs::path self = own_executable();
    const fs::path prefix = self.parent_path().parent_path();
    std::error_code unknown;
    if (self.empty() || !fs::exists(prefix / FD2_CMAKE_DIR_RELATIVE, unknown)) {
        return {
            "",
            "CMake needs the package fd2, which libfd2-dev installs. If it is not found, add its\n"
            "prefix: -DCMAKE_PREFIX_PATH=PREFIX\n\n"};
    }
    if (is_searched(prefix)) return {};
    return {" -DCMAKE_PREFIX_PATH=" + plain(prefix.string()), ""};
}

int refuse(const failure& why) {
    complain(text_of(why));
    return 1;
}

}  // namespace

int new_backend(const std::string& directory, const std::string& language) {
    namespace fs = std::filesystem;
    const auto* const wanted =
        std::find_if(std::begin(examples), std::end(examples),
                     [&](const example& one) { return one.language == language; });
    if (wanted == std::end(examples)) {
        complain("new-backend: --language: " + settings::display(language) +
                 " is not a valid choice; write one of c, c++");
        return usage_error;
    }
    fs::path place = fs::path(directory).lexically_normal();
    if (!place.has_filename()) place = place.parent_path();
    std::error_code failed;
    const std::string id = fs::absolute(place, failed).filename().string();
    if (!settings::is_name(id) || id.size() > longest_id) {
        complain("new-backend: '" + plain(id) +
                 "' cannot be the name of a backend, which is named after its directory: use a "
                 "lower-case letter, then lower-case letters, digits and -, at most 32 in all");
        return 1;
    }
    fs::create_directories(place, failed);
    if (failed) {
        return refuse(system_failure("new-backend: create directory", directory, failed.value()));
    }
    const bool empty = fs::is_empty(place, failed);
    if (failed) return refuse(system_failure("new-backend: read", directory, failed.value()));
    if (!empty) {
        complain("new-backend: " + plain(directory) +
                 " is not empty; name a new or an empty directory");
        return 1;
    }
    const std::string from(wanted->id);
    for (const example_file& file : {wanted->source, wanted->project}) {
        if (auto good = write(place / file.name, renamed(file.text, from, id)); !good) {
            return refuse(good.error());
        }
    }
    const std::string shown = plain(place.string());
    const package_place package = place_of_package();
    std::cout << shown << " has a backend that works. Build it, and check it against the contract:"
              << "\n\n    cmake -S " << shown << " -B " << shown << "/build" << package.words
              << "\n"
              << "    cmake --build " << shown << "/build\n"
              << "    ctest --test-dir " << shown << "/build --output-on-failure\n\n"
              << package.remark << "Then put your own kernel object into " << shown << '/'
              << wanted->source.name << ", as the manual's\ndocs/writing-a-backend.md describes.\n";
    return 0;
}

}  // namespace fd2::cli
