#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "support/scratch.hpp"

// /tmp is sticky: fd2 trusts what is below it.
std::string make_scratch_directory() {
    ::umask(022);
    std::string path = "/tmp/fd2-test-XXXXXX";
    if (::mkdtemp(path.data()) == nullptr) {
        throw std::system_error(errno, std::generic_category(), "mkdtemp");
    }
    return path;
}
