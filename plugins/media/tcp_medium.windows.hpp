// A TCP connection over 127.0.0.1 as a channel's object. Include from one source file of a plugin.
#pragma once

#include "fd2/plugin.hpp"

#include "loopback_pair.hpp"

namespace fd2::plugin {

struct tcp_medium {
    // Not ATOMIC: while a write waits for buffer space, other writes can come in between.
    static constexpr std::uint64_t caps =
        FD2_CAP_POLLABLE | FD2_CAP_WAKE | FD2_CAP_KEEPS_WRITERS | FD2_CAP_COMPACT;

    static constexpr fd2_option_spec settle = {
        sizeof(fd2_option_spec),
        FD2_OPTION_DURATION,
        "settle",
        "Windows does not report data in transit: end reading after this long without a byte",
        nullptr,
        nullptr,
        100'000'000,
        1'000'000,
        60'000'000'000,
    };

    /// Nothing in Windows tells it to somebody who has only the receiving end.
    static std::int64_t in_flight(const fd2_instance*, fd2_native) noexcept { return -1; }
    static constexpr fd2_drain_transit in_transit = {in_flight};

    static std::int32_t make(const fd2_options* given, fd2_drain_spec& spec, fd2_error* error) {
        tcp_ends ends;
        pair_failure failure;
        if (!make_loopback_pair(fd2_drain_clock() + handshake_limit, nullptr, ends, failure)) {
            return fd2_fail(error, fd2_code_of_errno(failure.sys_errno), failure.sys_errno,
                            failure.operation, "127.0.0.1");
        }
        spec.medium = FD2_MEDIUM_TCP;
        spec.transit = &in_transit;
        spec.settle_ns = fd2_option_number(given, settle.name, settle.default_number);
        spec.flags |= FD2_INFO_SETTLES;
        // The capacity is unknown: the buffers grow by themselves.
        spec.read_end = ends.kept;
        spec.child_end = ends.child;
        return FD2_OK;
    }
};

}  // namespace fd2::plugin
