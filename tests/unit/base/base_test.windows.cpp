#include "base/handle.windows.hpp"

#include <cerrno>

#include "base/failure.hpp"
#include "base/signal_mask.hpp"
#include "base/signal_set.hpp"
#include "base/system_code.hpp"
#include "base/unique_fd.hpp"
#include "base/utf16.windows.hpp"
#include "base/winsock.windows.hpp"
#include "support/catch.hpp"

TEST_CASE("a system failure names operation, object, reason and code") {
    const auto why = fd2::system_failure("open", "C:/fd2.yaml", ERROR_TOO_MANY_OPEN_FILES);
    CHECK(why.code == fd2::errc::resource);
    CHECK(why.sys_errno == ERROR_TOO_MANY_OPEN_FILES);
    CHECK(why.message.starts_with("open: C:/fd2.yaml: "));
    CHECK(why.message.ends_with(" (ERROR_TOO_MANY_OPEN_FILES)"));
    CHECK(fd2::system_failure("x", "", ERROR_ACCESS_DENIED).message ==
          "x: Access denied (ERROR_ACCESS_DENIED)");
    CHECK(fd2::errno_name(4711) == "error 4711");
    CHECK(fd2::reason_of(123456789) == "unknown error");
}

TEST_CASE("error classes decide the fallback") {
    CHECK(fd2::classify(WSAEAFNOSUPPORT) == fd2::errc::unsupported);
    CHECK(fd2::classify(WSAENETUNREACH) == fd2::errc::unsupported);
    CHECK(fd2::classify(WSAEADDRNOTAVAIL) == fd2::errc::resource);
    CHECK(fd2::classify(WSAEACCES) == fd2::errc::denied);
    CHECK(fd2::classify(ERROR_ACCESS_DENIED) == fd2::errc::denied);
    CHECK(fd2::classify(WSAETIMEDOUT) == fd2::errc::timedout);
    CHECK(fd2::classify(ERROR_INVALID_HANDLE) == fd2::errc::internal);
    CHECK(fd2::classify(fd2::system_code::no_memory) == fd2::errc::resource);
}

TEST_CASE("unique_fd closes a handle once and keeps what failed before") {
    const int fd = fd2::fd_of(::CreateEventW(nullptr, TRUE, FALSE, nullptr));
    REQUIRE(fd >= 0);
    {
        fd2::unique_fd owner(fd);
        fd2::unique_fd second(std::move(owner));
        CHECK_FALSE(owner);
        CHECK(second.get() == fd);
        errno = 4711;
        ::SetLastError(4712);
    }
    CHECK(::GetLastError() == 4712);
    CHECK(errno == 4711);
    DWORD flags = 0;
    CHECK(::GetHandleInformation(fd2::handle_of(fd), &flags) == 0);
}

TEST_CASE("unique_fd closes a socket as one") {
    REQUIRE(fd2::start_winsock() == 0);
    const SOCKET made = ::WSASocketW(AF_INET, SOCK_STREAM, 0, nullptr, 0, 0);
    REQUIRE(made != INVALID_SOCKET);
    { const fd2::unique_fd owner(fd2::fd_of_socket(made)); }
    int type = 0;
    int size = sizeof type;
    CHECK(::getsockopt(made, SOL_SOCKET, SO_TYPE, reinterpret_cast<char*>(&type), &size) != 0);
    CHECK(::WSAGetLastError() == WSAENOTSOCK);
}

TEST_CASE("no handle and no socket are -1") {
    CHECK(fd2::fd_of(INVALID_HANDLE_VALUE) == -1);
    CHECK(fd2::fd_of(nullptr) == -1);
    CHECK(fd2::fd_of_socket(INVALID_SOCKET) == -1);
    CHECK(fd2::handle_of(-1) == INVALID_HANDLE_VALUE);
    CHECK(fd2::socket_of(-1) == INVALID_SOCKET);
    CHECK(fd2::handle_of(fd2::fd_of(reinterpret_cast<HANDLE>(0x1234))) ==
          reinterpret_cast<HANDLE>(0x1234));
}

TEST_CASE("text goes to UTF-16 and back, and what is invalid is replaced") {
    CHECK(fd2::utf16_of("z\xC3\xBCrich \xF0\x9F\x98\x80") == L"z\u00FCrich \U0001F600");
    CHECK(fd2::utf8_of(L"z\u00FCrich \U0001F600") == "z\xC3\xBCrich \xF0\x9F\x98\x80");
    CHECK(fd2::utf16_of("") == L"");
    CHECK(fd2::utf8_of(fd2::utf16_of("a\xFF\x62")) == "a\xEF\xBF\xBD\x62");
    const std::wstring lone{L'a', wchar_t(0xD800), L'b'};
    CHECK(fd2::utf8_of(lone) == "a\xEF\xBF\xBD\x62");
}

TEST_CASE("a path longer than the old limit gets the prefix that lifts it") {
    CHECK(fd2::system_path("C:/a/b") == L"C:\\a\\b");
    const std::string longer = "C:/" + std::string(300, 'x');
    CHECK(fd2::system_path(longer).starts_with(L"\\\\?\\C:\\xxx"));
}

TEST_CASE("signals have the names of the C library") {
    CHECK(fd2::signal_name(2) == "SIGINT");
    CHECK(fd2::signal_name(21) == "SIGBREAK");
    CHECK(fd2::signal_name(4711) == "4711");
    const fd2::sigpipe_blocked nothing_happens;
    fd2::swallow_sigpipe();
}
