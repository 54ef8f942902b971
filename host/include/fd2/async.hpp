// The async transport: connections as I/O objects of Boost.Asio, on the program's own io_context.
//
// This part of the interface consists of headers only, so that libfd2 and the program need not
// agree on a version of Boost (1.81 or later).
#pragma once

#include "fd2/asio/lines.hpp"
#include "fd2/asio/transport.hpp"
#include "fd2/asio/wire.hpp"
#include "fd2/fd2.hpp"
