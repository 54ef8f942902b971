// The second process, which holds the children's ends and writes to them (tools/many_writer.cpp).
#pragma once

#include <sys/types.h>

#include <vector>

#include "base/unique_fd.hpp"
#include "support/lines.hpp"

namespace fd2::bench {

/// Ends the program where anything goes wrong. [one thread]
class writer_process {
  public:
    /// Starts `program`, pinned to `cpu`.
    writer_process(const char* program, long cpu);
    /// Waits for its end: every channel has lost its writer then.
    ~writer_process();
    writer_process(const writer_process&) = delete;
    writer_process& operator=(const writer_process&) = delete;

    /// Passed on in batches; none is left here after `flush`.
    void give(unique_fd end);
    void flush();

    /// Begins; `wait` tells what was written.
    void write_lines(std::int64_t rounds, std::int64_t interval);
    written wait();

  private:
    unique_fd over_;
    pid_t pid_ = -1;
    std::vector<unique_fd> waiting_;
};

}  // namespace fd2::bench
