#include "sock_diag.linux.hpp"

#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

namespace fd2::plugin {

int open_sock_diag() noexcept {
    return socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
}

std::int64_t unacknowledged(int sock_diag, const sockaddr_in& local,
                            const sockaddr_in& remote) noexcept {
    struct {
        nlmsghdr header;
        inet_diag_req_v2 request;
    } question{};
    question.header.nlmsg_len = sizeof(question);
    question.header.nlmsg_type = SOCK_DIAG_BY_FAMILY;
    question.header.nlmsg_flags = NLM_F_REQUEST;
    question.header.nlmsg_seq = (std::uint32_t{local.sin_port} << 16) | remote.sin_port;
    question.request.sdiag_family = AF_INET;
    question.request.sdiag_protocol = IPPROTO_TCP;
    question.request.idiag_states = ~0u;
    question.request.id.idiag_sport = local.sin_port;
    question.request.id.idiag_dport = remote.sin_port;
    question.request.id.idiag_src[0] = local.sin_addr.s_addr;
    question.request.id.idiag_dst[0] = remote.sin_addr.s_addr;
    question.request.id.idiag_cookie[0] = INET_DIAG_NOCOOKIE;
    question.request.id.idiag_cookie[1] = INET_DIAG_NOCOOKIE;
    ssize_t done;
    do {
        done = send(sock_diag, &question, sizeof(question), 0);
    } while (done < 0 && errno == EINTR);
    if (done < 0) return -errno;

    alignas(nlmsghdr) char answer[1024];
    nlmsghdr header{};
    do {  // skips answers to other questions
        done = recv(sock_diag, answer, sizeof(answer), MSG_DONTWAIT);
        if (done < 0 && errno == EINTR) continue;
        if (done < 0) return -errno;
        if (static_cast<std::size_t>(done) < sizeof(header)) return -EPROTO;
        memcpy(&header, answer, sizeof(header));
    } while (header.nlmsg_seq != question.header.nlmsg_seq);
    const char* body = answer + NLMSG_HDRLEN;
    const auto space = static_cast<std::size_t>(done) - NLMSG_HDRLEN;
    if (header.nlmsg_type == NLMSG_ERROR && space >= sizeof(nlmsgerr)) {
        nlmsgerr refusal{};
        memcpy(&refusal, body, sizeof(refusal));
        return refusal.error < 0 ? refusal.error : -EPROTO;
    }
    inet_diag_msg found{};
    if (header.nlmsg_type != SOCK_DIAG_BY_FAMILY || space < sizeof(found)) return -EPROTO;
    memcpy(&found, body, sizeof(found));
    return found.idiag_wqueue;
}

}  // namespace fd2::plugin
