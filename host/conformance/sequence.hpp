// Takes the steps of the model (model.hpp) with a real channel, and compares.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "conformance/model.hpp"
#include "conformance/subject.hpp"

namespace fd2::conformance {

/// Opens a channel of an instance of its own, takes the steps that are possible, in order, until
/// one differs from the model or the channel is closed; then ends everything. Empty, or the steps
/// that were taken, with what they returned, and what differs.
std::string play(const std::shared_ptr<backend>& tested, const std::vector<step>& steps);

/// What a check expects of `play`, for JUDGE.
inline constexpr const char* as_the_model = "each step returns and does what the model says";

}  // namespace fd2::conformance
