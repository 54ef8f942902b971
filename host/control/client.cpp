#include "control/client.hpp"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

namespace fd2::control {

namespace {

/// 0: ready; otherwise an errno, ETIMEDOUT at the deadline.
int wait_for(int fd, short what, nanoseconds_t deadline) {
    for (;;) {
        pollfd ready{fd, what, 0};
        timespec left{};
        if (deadline != never) {
            const nanoseconds_t ns = std::max<nanoseconds_t>(0, deadline - now());
            left = {static_cast<time_t>(ns / second), static_cast<long>(ns % second)};
        }
        const int count = ::ppoll(&ready, 1, deadline == never ? nullptr : &left, nullptr);
        if (count > 0) return 0;
        if (count == 0) return ETIMEDOUT;
        if (errno != EINTR) return errno;
    }
}

failure no_answer(const std::string& name) {
    return advise({errc::timedout, ETIMEDOUT, "host " + name + " does not answer"},
                  "it may be stopped (kill -CONT resumes it), or be waiting for its plugin");
}

failure gone(const std::string& name) {
    return {errc::unsupported, ECONNRESET, "host " + name + " is gone"};
}

}  // namespace

std::string text_of(const reply& refusal) {
    const auto& given = refusal.parameters;
    const auto text = [&](const char* name) {
        const auto found = given.find(name);
        return found != given.end() && found->is_string() ? found->get<std::string>() : "";
    };
    const std::string name = refusal.error.substr(refusal.error.rfind('.') + 1);
    if (name == "NoSuchChannel") return "it has no such channel";
    if (name == "ChannelNeeded") return "it has several channels; name one: PID:CHANNEL";
    if (name == "NotSupported") return text("reason");
    if (name == "BackendUnusable") {
        const std::string backend = text("backend");
        return (backend.empty() ? "" : "backend " + backend + ": ") + text("reason");
    }
    if (name == "ConfigurationInvalid") {
        std::string out = "the configuration has mistakes and was left as it was";
        const auto found = given.find("problems");
        if (found == given.end() || !found->is_array()) return out;
        for (const auto& one : *found) {
            if (one.is_string()) out += "\n  " + one.get<std::string>();
        }
        return out;
    }
    return refusal.error;
}

result<client> client::connect(const socket_entry& host) {
    auto made = connect_to(host);
    if (!made) return std::move(made).error();
    return client(std::move(*made), host.name);
}

result<reply> client::call(std::string_view method, nlohmann::ordered_json parameters,
                           nanoseconds_t deadline, bool more) {
    nlohmann::ordered_json message = {{"method", "org.fd2.control." + std::string(method)},
                                      {"parameters", std::move(parameters)}};
    if (more) message["more"] = true;
    std::string bytes =
        message.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
    bytes += '\0';
    for (std::size_t done = 0; done < bytes.size();) {
        const ssize_t put =
            ::send(socket_.get(), bytes.data() + done, bytes.size() - done, MSG_NOSIGNAL);
        if (put >= 0) {
            done += static_cast<std::size_t>(put);
        } else if (errno == EAGAIN) {
            const int why = wait_for(socket_.get(), POLLOUT, deadline);
            if (why == ETIMEDOUT) return no_answer(name_);
            if (why != 0) return system_failure("poll", "host " + name_, why);
        } else if (errno == EPIPE || errno == ECONNRESET) {
            return gone(name_);
        } else if (errno != EINTR) {
            return system_failure("send", "host " + name_, errno);
        }
    }
    return next(deadline);
}

result<reply> client::next(nanoseconds_t deadline) {
    for (;;) {
        if (const std::size_t end = in_.find('\0'); end != in_.npos) {
            const auto message = nlohmann::ordered_json::parse(in_.substr(0, end), nullptr, false);
            in_.erase(0, end + 1);
            reply out;
            try {
                out.parameters = message.value("parameters", nlohmann::ordered_json::object());
                out.error = message.value("error", "");
                out.continues = message.value("continues", false);
                return out;
            } catch (const nlohmann::json::exception&) {
                return failure{errc::internal, 0, "host " + name_ + ": malformed reply"};
            }
        }
        const int why = wait_for(socket_.get(), POLLIN, deadline);
        if (why == ETIMEDOUT) return no_answer(name_);
        if (why != 0) return system_failure("poll", "host " + name_, why);
        char block[16 * 1024];
        const ssize_t got = ::recv(socket_.get(), block, sizeof(block), 0);
        if (got == 0 || (got < 0 && errno == ECONNRESET)) return gone(name_);
        if (got < 0 && errno != EAGAIN && errno != EINTR) {
            return system_failure("recv", "host " + name_, errno);
        }
        if (got > 0) in_.append(block, static_cast<std::size_t>(got));
    }
}

}  // namespace fd2::control
