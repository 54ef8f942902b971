// What the tests of the causes share.
#pragma once

#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "cause/search.hpp"

namespace fd2::cause::test {

inline std::string read(const char* path) {
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
}

/// A recorded failure: what it was, and what was to be seen of it.
struct recorded {
    std::string name, is;
    std::string line;  ///< a regular expression; empty: no line says so
    bool unknowable = false;
    std::vector<std::string> command;
    exit_status exit = exit_status::lost(0);
    std::string said;

    failed_run run() const { return {command, exit, said, false, false}; }
};

inline std::vector<recorded> corpus() {
    std::vector<recorded> out;
    std::ifstream in(FD2_CORPUS, std::ios::binary);
    for (std::string text; std::getline(in, text);) {
        const auto one = nlohmann::json::parse(text);
        recorded made;
        made.name = one.at("name");
        made.is = one.at("class");
        if (!one.at("line").is_null()) made.line = one.at("line");
        made.unknowable = one.at("unknowable");
        made.command = one.at("command").get<std::vector<std::string>>();
        const auto& exit = one.at("exit");
        made.exit = exit.contains("code") ? exit_status::exited(exit.at("code"))
                                          : exit_status::signalled(exit.at("signal"), false);
        made.said = one.at("stderr");
        out.push_back(std::move(made));
    }
    return out;
}

}  // namespace fd2::cause::test
