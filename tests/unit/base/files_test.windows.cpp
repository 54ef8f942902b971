#include "base/files.hpp"

#include <array>

#include "base/handle.windows.hpp"
#include "base/system_code.hpp"
#include "base/trust.hpp"
#include "base/utf16.windows.hpp"
#include "support/catch.hpp"
#include "support/scratch.hpp"

TEST_CASE("drives and servers are absolute") {
    CHECK(fd2::is_absolute("C:/a"));
    CHECK(fd2::is_absolute("c:\\a"));
    CHECK(fd2::is_absolute("\\\\server\\share"));
    CHECK_FALSE(fd2::is_absolute("C:a"));
    CHECK_FALSE(fd2::is_absolute("/a"));
    CHECK(fd2::absolute("C:\\a\\b") == "C:/a/b");
    CHECK(fd2::absolute("/a").ends_with(":/a"));
}

TEST_CASE("the real path has a drive and no prefix") {
    const scratch dir;
    const auto real = fd2::real_path(dir.write("file", ""));
    REQUIRE(real);
    CHECK(real->substr(1, 2) == ":/");
    CHECK(real->find('\\') == real->npos);
}

TEST_CASE("pipes and sockets are told apart, and a read ends where no writer is left") {
    HANDLE read = nullptr, write = nullptr;
    REQUIRE(::CreatePipe(&read, &write, nullptr, 0) != 0);
    const fd2::unique_fd reader(fd2::fd_of(read));
    fd2::unique_fd writer(fd2::fd_of(write));
    CHECK(*fd2::kind_of(reader.get()) == fd2::file_kind::pipe);
    REQUIRE(fd2::write_all(writer.get(), "abc"));
    writer.reset();
    std::array<char, 8> buffer{};
    CHECK(*fd2::read_some(reader.get(), buffer.data(), buffer.size()) == 3);
    CHECK(*fd2::read_some(reader.get(), buffer.data(), buffer.size()) == 0);
}

TEST_CASE("a pipe is made non-blocking") {
    HANDLE read = nullptr, write = nullptr;
    REQUIRE(::CreatePipe(&read, &write, nullptr, 0) != 0);
    const fd2::unique_fd reader(fd2::fd_of(read)), writer(fd2::fd_of(write));
    CHECK(fd2::set_non_blocking(reader.get()) == 0);
    CHECK(fd2::set_non_blocking(-1) != 0);
}
