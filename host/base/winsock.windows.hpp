// Winsock, once for the process.
#pragma once

namespace fd2 {

/// WSAStartup at the first call; there is no WSACleanup, which static destructors must not call and
/// the end of the process does. 0, or why there are no sockets. The host does this before it loads
/// a plugin: a plugin that does it itself brings the library down with it when it is unloaded. [any
/// thread]
int start_winsock() noexcept;

}  // namespace fd2
