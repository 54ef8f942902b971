// The way of an event through Boost.Log. Only event_router.cpp includes Boost.Log.
//
// Boost.Log's core is one for the process and may be in use by the program that embeds fd2. A
// router keeps apart what is whose:
//   * its sinks are registered with the core while it lives and removed by its destructor; they
//     accept records that carry this router's own "Fd2Service" attribute, and no others, so the
//     program's records (and another router's) never reach them;
//   * a record of ours is opened through the core, which gives it the attributes and applies the
//     program's global filter and switch, and is then handed to our own sinks only, never pushed:
//     a sink of the program without a filter does not see fd2's records;
//   * no global or thread attribute, no filter, no exception handler is set, and no Boost.Log
//     source is used; the default sink is never written to.
// A global filter of the program that refuses records without attributes of its own refuses ours
// too; such records are counted as refused. To let them pass, it accepts has_attr("Fd2Service").
#pragma once

#include <fd2/observer.hpp>

#include <functional>
#include <memory>
#include <optional>
#include <string_view>

#include "logging/record_block.hpp"

namespace fd2::logging {

/// One destination: what it takes from which level on. The text is formatted for it: a line with
/// its newline for console and file, the bare message for syslog.
struct event_target {
    std::optional<severity> level;  ///< nullopt: off
    std::function<void(const queued_event& what, std::string_view text)> write;
};

struct event_targets {
    event_target console;  ///< "fd2: warning: MESSAGE\n"
    event_target file;     ///< JSON, see text.hpp
    event_target syslog;   ///< "warning: MESSAGE (channel 3, backend pipe, pid 4711)"
};

/// Attributes of a record: Fd2Service, Severity, Time, Channel, Backend, Pid, Message.
///
/// One thread at a time; the log thread makes, uses and destroys it, at the first event.
class event_router {
  public:
    explicit event_router(event_targets targets);
    ~event_router();
    event_router(const event_router&) = delete;
    event_router& operator=(const event_router&) = delete;

    /// Offers the event to the targets. False: the program's Boost.Log settings refused it.
    bool route(const queued_event& what);

  private:
    struct impl;
    std::unique_ptr<impl> impl_;
};

}  // namespace fd2::logging
