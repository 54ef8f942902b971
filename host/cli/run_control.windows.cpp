#include "cli/run_subject.hpp"

namespace fd2::cli {

std::unique_ptr<run_server> serve_run(run_subject) {
    return nullptr;
}

}  // namespace fd2::cli
