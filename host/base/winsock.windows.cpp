#include "base/winsock.windows.hpp"

#include <winsock2.h>

namespace fd2 {

int start_winsock() noexcept {
    static const int outcome = [] {
        WSADATA about;
        return ::WSAStartup(MAKEWORD(2, 2), &about);
    }();
    return outcome;
}

}  // namespace fd2
