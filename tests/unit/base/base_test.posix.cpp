#include "base/failure.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "base/unique_fd.hpp"
#include "support/catch.hpp"

TEST_CASE("a system failure names operation, object, reason and errno") {
    const auto why = fd2::system_failure("open", "/etc/fd2/fd2.yaml", EMFILE);
    CHECK(why.code == fd2::errc::resource);
    CHECK(why.sys_errno == EMFILE);
    CHECK(why.message == "open: /etc/fd2/fd2.yaml: Too many open files (EMFILE)");
    CHECK(fd2::system_failure("fork", "", EPERM).message ==
          "fork: Operation not permitted (EPERM)");
}

TEST_CASE("errno classes decide the fallback") {
    CHECK(fd2::classify(ENOSYS) == fd2::errc::unsupported);
    CHECK(fd2::classify(ENETUNREACH) == fd2::errc::unsupported);
    CHECK(fd2::classify(EADDRNOTAVAIL) == fd2::errc::resource);
    CHECK(fd2::classify(EACCES) == fd2::errc::denied);
    CHECK(fd2::classify(EBADF) == fd2::errc::internal);
}

TEST_CASE("unique_fd closes once and keeps errno") {
    int fd = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
    REQUIRE(fd >= 0);
    {
        fd2::unique_fd owner(fd);
        fd2::unique_fd second(std::move(owner));
        CHECK_FALSE(owner);
        CHECK(second.get() == fd);
        errno = 4711;
    }
    CHECK(errno == 4711);
    CHECK(::fcntl(fd, F_GETFD) == -1);
}
