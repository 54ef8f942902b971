// The command lines of the bench programs: --key=value, flags, and a command behind `--`.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

namespace fd2::bench {

/// A view of argv, which outlives it.
class arguments {
  public:
    arguments(int argc, char** argv) : argc_(argc), argv_(argv) {}

    /// The value of `--key=value`, or `otherwise`.
    std::string_view word(std::string_view key, std::string_view otherwise) const {
        for (int i = 1; i < argc_ && argv_[i] != std::string_view("--"); ++i) {
            const std::string_view given = argv_[i];
            if (given.starts_with("--") && given.substr(2).starts_with(key) &&
                given.size() > key.size() + 2 && given[key.size() + 2] == '=') {
                return given.substr(key.size() + 3);
            }
        }
        return otherwise;
    }

    /// The same as a decimal number; ends the program if it is none.
    long number(std::string_view key, long otherwise) const {
        const std::string text(word(key, ""));
        if (text.empty()) return otherwise;
        char* end = nullptr;
        const long value = std::strtol(text.c_str(), &end, 10);
        if (*end != '\0') {
            std::fprintf(stderr, "--%s: not a number\n", std::string(key).c_str());
            std::exit(2);
        }
        return value;
    }

    bool flag(std::string_view key) const {
        for (int i = 1; i < argc_ && argv_[i] != std::string_view("--"); ++i) {
            const std::string_view given = argv_[i];
            if (given.starts_with("--") && given.substr(2) == key) return true;
        }
        return false;
    }

    /// What stands behind `--`, null-terminated; empty if there is none.
    char** command() const {
        int i = 1;
        while (i < argc_ && argv_[i] != std::string_view("--")) ++i;
        return argv_ + (i < argc_ ? i + 1 : argc_);
    }

  private:
    int argc_;
    char** argv_;
};

}  // namespace fd2::bench
