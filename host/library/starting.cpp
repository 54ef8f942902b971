#include "library/starting.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "library/command_access.hpp"

namespace fd2 {

namespace {

struct pipe_ends {
    unique_fd read;
    unique_fd write;
};

result<pipe_ends> make_pipe(const char* what) {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) return system_failure("pipe", what, errno);
    return pipe_ends{unique_fd(ends[0]), unique_fd(ends[1])};
}

}  // namespace

result<started> start(const ssh_command& command, int standard_error) {
    auto in = make_pipe("the child's stdin");
    if (!in) return std::move(in).error();
    auto out = make_pipe("the child's stdout");
    if (!out) return std::move(out).error();
    auto spec = command_access::spec(command);
    if (!spec) return std::move(spec).error();
    spec->standard_input = in->read.get();
    spec->standard_output = out->write.get();
    spec->standard_error = standard_error;
    auto child = process::spawn(*spec);
    if (!child) return std::move(child).error();
    return started{std::move(*child), std::move(in->write), std::move(out->read)};
}

}  // namespace fd2
