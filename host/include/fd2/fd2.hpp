// Everything but the async transport, which is <fd2/async.hpp> and needs Boost.Asio.
#pragma once

#include "fd2/connection.hpp"
#include "fd2/error.hpp"
#include "fd2/exit_report.hpp"
#include "fd2/exit_status.hpp"
#include "fd2/host.hpp"
#include "fd2/observer.hpp"
#include "fd2/run.hpp"
#include "fd2/snapshot.hpp"
#include "fd2/ssh_command.hpp"
#include "fd2/stderr_lines.hpp"
#include "fd2/stdio.hpp"
#include "fd2/stop.hpp"
#include "fd2/wire.hpp"
