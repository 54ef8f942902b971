#include "cause/rule.hpp"

namespace fd2::cause {
namespace {

// config/causes.yaml as a table: reading YAML would take each failed run some five milliseconds.
// Written by `test_cause '[.write]'`, and compared by the same program.
#include "cause/built_in.inc"

}  // namespace

std::span<const rule> built_in_rules() noexcept {
    return built_in;
}

}  // namespace fd2::cause
