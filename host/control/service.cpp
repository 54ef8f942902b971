#include "control/service.hpp"

#include <unistd.h>

#include <limits>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/base64.hpp"
#include "base/utf8.hpp"

namespace fd2::control {

namespace {

using json = nlohmann::ordered_json;

constexpr std::string_view interface = "org.fd2.control";
constexpr std::string_view interface_text =
#include "interface.inc"
    ;
// As the specification of Varlink has it.
constexpr std::string_view service_text =
    R"(# The Varlink Service Interface is provided by every varlink service.
interface org.varlink.service

method GetInfo() -> (
  vendor: string,
  product: string,
  version: string,
  url: string,
  interfaces: []string
)

method GetInterfaceDescription(interface: string) -> (description: string)

error InterfaceNotFound (interface: string)
error MethodNotFound (method: string)
error MethodNotImplemented (method: string)
error InvalidParameter (parameter: string)
error PermissionDenied ()
error ExpectedMore ()
)";
constexpr std::size_t default_lines = 10;
constexpr std::size_t max_lines = 10000;
// Of one reply: a client gets the rest in the next one.
constexpr std::size_t reply_bytes = 64 * 1024;

std::string text_of(const json& message) {
    return message.dump(-1, ' ', false, json::error_handler_t::replace);
}

std::string reply_of(json parameters, bool continues = false) {
    json out = {{"parameters", std::move(parameters)}};
    if (continues) out["continues"] = true;
    return text_of(out);
}

std::string error_of(std::string name, json parameters) {
    return text_of({{"error", std::move(name)}, {"parameters", std::move(parameters)}});
}

std::string own_error(std::string_view name, json parameters) {
    return error_of(std::string(interface) + "." + std::string(name), std::move(parameters));
}

std::string invalid_parameter(std::string name) {
    return error_of("org.varlink.service.InvalidParameter", {{"parameter", std::move(name)}});
}

std::int64_t milliseconds_since(nanoseconds_t when) {
    return (now() - when) / millisecond;
}

json or_null(const std::string& text) {
    return text.empty() ? json(nullptr) : json(text);
}

json to_json(const host_state& host) {
    return {{"pid", ::getpid()},       {"uid", ::geteuid()},
            {"version", FD2_VERSION},  {"kind", host.kind},
            {"command", host.command}, {"age", milliseconds_since(host.started)}};
}

json to_json(const channel_state& one) {
    json attempts = json::array();
    for (const auto& [backend, reason] : one.attempts)
        attempts.push_back({{"backend", backend}, {"reason", reason}});
    capture::snapshot seen;
    if (one.record) seen = one.record->figures();
    return {
        {"number", one.number},
        {"pid", one.pid},
        {"command", one.command},
        {"backend", one.backend},
        {"plugin", or_null(one.plugin)},
        {"generation", one.generation},
        {"medium", or_null(one.medium)},
        {"state", one.state},
        {"bytes", seen.total_bytes},
        {"lines", seen.total_lines},
        {"lines_dropped", seen.lines_dropped},
        {"forward_dropped", one.forward_dropped},
        {"moves", one.moves},
        {"age", milliseconds_since(one.started)},
        {"silent", one.last_byte == 0 ? json(nullptr) : json(milliseconds_since(one.last_byte))},
        {"attempts", std::move(attempts)},
        {"reason", or_null(one.reason)}};
}

json to_json(const kept_line& line) {
    json out = {{"number", line.number}, {"text", line.text}};
    if (valid_utf8_size(line.text) != line.text.size()) {
        std::string raw;
        append_base64(raw, line.text);
        out["raw"] = std::move(raw);
    }
    if (line.more) out["more"] = true;
    if (line.partial) out["partial"] = true;
    return out;
}

json lines_of(const std::vector<kept_line>& lines) {
    json out = json::array();
    for (const kept_line& one : lines) out.push_back(to_json(one));
    return out;
}

json to_json(const swap_outcome& how) {
    json moved = json::array();
    for (const move& one : how.moved) {
        moved.push_back({{"channel", one.channel},
                         {"from", one.from},
                         {"to", one.to},
                         {"generation", one.generation},
                         {"pause_us", one.pause / microsecond}});
    }
    json stayed = json::array();
    for (const kept& one : how.stayed) {
        stayed.push_back(
            {{"channel", one.channel}, {"backend", one.backend}, {"reason", one.reason}});
    }
    return {{"moved", std::move(moved)}, {"kept", std::move(stayed)}};
}

/// The parameters of one call.
class arguments {
  public:
    explicit arguments(const json& call) {
        if (const auto found = call.find("parameters"); found != call.end()) given_ = *found;
        if (given_.is_null()) given_ = json::object();
        if (!given_.is_object()) wrong_ = "parameters";
    }

    std::optional<std::uint64_t> number(const char* name) {
        const json* const value = find(name);
        if (!value) return std::nullopt;
        if (value->is_number_unsigned()) return value->get<std::uint64_t>();
        if (value->is_number_integer() && value->get<std::int64_t>() >= 0)
            return value->get<std::uint64_t>();
        wrong_ = name;
        return std::nullopt;
    }
    bool flag(const char* name) {
        const json* const value = find(name);
        if (value && !value->is_boolean()) wrong_ = name;
        return value && value->is_boolean() && value->get<bool>();
    }
    std::string text(const char* name) {
        const json* const value = find(name);
        if (value && !value->is_string()) wrong_ = name;
        return value && value->is_string() ? value->get<std::string>() : std::string();
    }
    const std::string& wrong() const noexcept { return wrong_; }

  private:
    const json* find(const char* name) const {
        const auto found = given_.is_object() ? given_.find(name) : given_.end();
        return !given_.is_object() || found == given_.end() || found->is_null() ? nullptr : &*found;
    }

    json given_;
    std::string wrong_;
};

std::string list(controlled& host) {
    json channels = json::array();
    for (const channel_state& one : host.channels()) channels.push_back(to_json(one));
    return reply_of({{"host", to_json(host.describe())}, {"channels", std::move(channels)}});
}

/// The channel that a call is about: the one that it names, or the only one.
std::optional<channel_state> chosen(controlled& host, std::optional<std::uint64_t> number,
                                    std::string& why) {
    const auto all = host.channels();
    if (!number && all.size() == 1) return all.front();
    if (!number && !all.empty()) {
        json numbers = json::array();
        for (const channel_state& one : all) numbers.push_back(one.number);
        why = own_error("ChannelNeeded", {{"channels", std::move(numbers)}});
        return std::nullopt;
    }
    for (const channel_state& one : all) {
        if (number && one.number == *number) return one;
    }
    why = own_error("NoSuchChannel", {{"channel", number.value_or(0)}});
    return std::nullopt;
}

std::string tail(peer& from, controlled& host, arguments& given, bool more,
                 const std::function<void()>& ring) {
    const auto channel = given.number("channel");
    const std::uint64_t count = given.number("count").value_or(default_lines);
    const bool follow = given.flag("follow");
    if (!given.wrong().empty()) return invalid_parameter(given.wrong());
    if (follow && !more) return error_of("org.varlink.service.ExpectedMore", json::object());
    std::string why;
    const auto one = chosen(host, channel, why);
    if (!one) return why;
    if (!one->record) {
        return own_error("NotSupported", {{"reason", "nothing is captured: " + one->reason}});
    }
    std::uint64_t next = 0;
    if (follow) {
        from.record = one->record;
        from.feed = std::make_shared<tail_feed>(ring);
        next = from.record->add(from.feed);
    }
    const auto lines = newest_lines(*one->record, std::min<std::uint64_t>(count, max_lines), next);
    const bool ended = one->record->figures().end != end_kind::none;
    return reply_of({{"lines", lines_of(lines)}, {"lost", 0}, {"ended", !follow && ended}}, follow);
}

void swap(peer& from, controlled& host, arguments& given, std::function<void(std::string)> reply) {
    swap_request wanted;
    wanted.channel = given.number("channel");
    wanted.backend = given.text("backend");
    wanted.back = given.flag("back");
    if (!given.wrong().empty()) return reply(invalid_parameter(given.wrong()));
    if (wanted.back && !wanted.backend.empty()) return reply(invalid_parameter("back"));
    if (wanted.channel) {
        std::string why;
        if (!chosen(host, wanted.channel, why)) return reply(why);
    }
    host.swap(wanted, from.who(),
              [reply = std::move(reply), backend = wanted.backend](result<swap_outcome> how) {
                  if (how) return reply(reply_of(to_json(*how)));
                  reply(own_error("BackendUnusable",
                                  {{"backend", backend}, {"reason", fd2::text_of(how.error())}}));
              });
}

void reload(const peer& from, controlled& host, std::function<void(std::string)> reply) {
    using answer_kind = std::variant<reload_outcome, invalid_configuration>;
    host.reload(from.who(), [reply = std::move(reply)](const answer_kind& how) {
        if (const auto* wrong = std::get_if<invalid_configuration>(&how)) {
            return reply(own_error("ConfigurationInvalid", {{"problems", wrong->problems}}));
        }
        const auto& done = std::get<reload_outcome>(how);
        json changes = json::array();
        for (const change& one : done.changes) {
            changes.push_back({{"key", one.key},
                               {"old", or_null(one.before)},
                               {"new", or_null(one.after)},
                               {"applied", one.applied}});
        }
        json out = to_json(done.swapped);
        out["changes"] = std::move(changes);
        reply(reply_of(std::move(out)));
    });
}

/// The methods that every Varlink service has.
std::string service_call(std::string_view method, arguments& given) {
    if (method == "GetInfo") {
        return reply_of({{"vendor", "fd2"},
                         {"product", "fd2"},
                         {"version", FD2_VERSION},
                         {"url", ""},
                         {"interfaces", {"org.varlink.service", interface}}});
    }
    if (method == "GetInterfaceDescription") {
        const std::string name = given.text("interface");
        if (!given.wrong().empty() || name.empty()) return invalid_parameter("interface");
        if (name == interface) return reply_of({{"description", interface_text}});
        if (name == "org.varlink.service") return reply_of({{"description", service_text}});
        return error_of("org.varlink.service.InterfaceNotFound", {{"interface", name}});
    }
    return error_of("org.varlink.service.MethodNotFound", {{"method", method}});
}

}  // namespace

std::string_view interface_description() noexcept {
    return interface_text;
}

bool serve_message(peer& from, std::string_view message, controlled& host,
                   const std::function<void()>& ring, std::function<void(std::string)> reply) {
    const json call = json::parse(message, nullptr, false);
    if (!call.is_object()) return false;
    const auto method = call.find("method");
    if (method == call.end() || !method->is_string()) return false;
    const auto is_set = [&](const char* name) {
        const auto found = call.find(name);
        return found != call.end() && found->is_boolean() && found->get<bool>();
    };
    if (is_set("oneway")) reply = [reply](const std::string&) { reply({}); };
    const std::string name = method->get<std::string>();
    const std::size_t dot = name.rfind('.');
    const std::string where = name.substr(0, dot == name.npos ? 0 : dot);
    const std::string what = name.substr(dot == name.npos ? 0 : dot + 1);
    arguments given(call);
    if (!given.wrong().empty()) {
        reply(invalid_parameter(given.wrong()));
    } else if (where == "org.varlink.service") {
        reply(service_call(what, given));
    } else if (where != interface) {
        reply(error_of("org.varlink.service.InterfaceNotFound", {{"interface", where}}));
    } else if (what == "List") {
        reply(list(host));
    } else if (what == "Tail") {
        reply(tail(from, host, given, is_set("more") && !is_set("oneway"), ring));
    } else if (what == "Swap") {
        swap(from, host, given, std::move(reply));
    } else if (what == "Reload") {
        reload(from, host, std::move(reply));
    } else {
        reply(error_of("org.varlink.service.MethodNotFound", {{"method", name}}));
    }
    return true;
}

std::string follow_up(peer& to, bool& over) {
    const tail_feed::taken come = to.feed->take(reply_bytes);
    over = come.ended;
    if (come.lines.empty() && come.lost == 0 && !come.ended) return {};
    return reply_of({{"lines", lines_of(come.lines)}, {"lost", come.lost}, {"ended", come.ended}},
                    !over);
}

}  // namespace fd2::control
