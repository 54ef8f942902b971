#include "logging/event_router.hpp"

#include <algorithm>
#include <boost/log/attributes/attribute_value_impl.hpp>
#include <boost/log/attributes/value_extraction.hpp>
#include <boost/log/core.hpp>
#include <boost/log/sinks/basic_sink_backend.hpp>
#include <boost/log/sinks/unlocked_frontend.hpp>
#include <boost/make_shared.hpp>
#include <boost/shared_ptr.hpp>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "base/plain_text.hpp"
#include "logging/text.hpp"

namespace fd2::logging {
namespace {

namespace blog = boost::log;
using service_id = const void*;

/// The names, interned by Boost.Log once a router.
struct names {
    blog::attribute_name service{"Fd2Service"};
    blog::attribute_name severity{"Severity"};
    blog::attribute_name time{"Time"};
    blog::attribute_name channel{"Channel"};
    blog::attribute_name backend{"Backend"};
    blog::attribute_name pid{"Pid"};
    blog::attribute_name message{"Message"};
};

template <class T>
blog::attribute_value attribute(T value) {
    return blog::attributes::make_attribute_value(std::move(value));
}

/// A record's attributes as an event; the views live as long as the record does.
queued_event event_of(const names& name, const blog::record_view& record) {
    const auto get = [&]<class T>(const blog::attribute_name& which, T none) {
        const auto found = blog::extract<T>(which, record);
        return found ? *found : none;
    };
    const auto text = [&](const blog::attribute_name& which) -> std::string_view {
        const auto found = blog::extract<std::string>(which, record);
        return found ? std::string_view(*found) : std::string_view();
    };
    queued_event what;
    what.level = get(name.severity, severity::info);
    what.time_ns = get(name.time, std::int64_t{0});
    what.channel = get(name.channel, std::uint64_t{0});
    what.backend = text(name.backend);
    what.pid = get(name.pid, pid_t{0});
    what.message = text(name.message);
    return what;
}

/// Hands a formatted record to a target. Fed by one thread only, so the frontend need not lock.
class target_backend
    : public blog::sinks::basic_formatted_sink_backend<char, blog::sinks::concurrent_feeding> {
  public:
    target_backend(names name, decltype(event_target::write) write)
        : name_(std::move(name)), write_(std::move(write)) {}
    void consume(const blog::record_view& record, const std::string& text) {
        write_(event_of(name_, record), text);
    }

  private:
    names name_;
    decltype(event_target::write) write_;
};

using target_sink = blog::sinks::unlocked_sink<target_backend>;

void format_console(std::string& out, const queued_event& what) {
    out += "fd2: ";
    out += name_of(what.level);
    out += ": ";
    append_plain(out, what.message);
    out += '\n';
}

void format_syslog(std::string& out, const queued_event& what) {
    out += name_of(what.level);
    out += ": ";
    append_plain(out, what.message);
    std::string whose;
    if (what.channel != 0) whose += ", channel " + std::to_string(what.channel);
    if (!what.backend.empty()) {
        whose += ", backend ";
        append_plain(whose, what.backend);
    }
    if (what.pid != 0) whose += ", pid " + std::to_string(what.pid);
    if (!whose.empty()) out += " (" + whose.substr(2) + ')';
}

}  // namespace

struct event_router::impl {
    blog::core_ptr core = blog::core::get();  // kept: a router may outlive the core's own statics
    names name;
    std::vector<boost::shared_ptr<target_sink>> sinks;
    std::optional<severity> lowest;  // what at least one sink takes

    ~impl() {
        for (const auto& sink : sinks) core->remove_sink(sink);
    }

    void add(event_target&& target, void (*format)(std::string&, const queued_event&)) {
        if (!target.level || !target.write) return;
        auto backend = boost::make_shared<target_backend>(name, std::move(target.write));
        auto sink = boost::make_shared<target_sink>(backend);
        sink->set_filter([name = name, level = *target.level,
                          own = service_id{this}](const blog::attribute_value_set& values) {
            const auto service = blog::extract<service_id>(name.service, values);
            const auto severe = blog::extract<severity>(name.severity, values);
            return service && *service == own && severe && *severe >= level;
        });
        sink->set_formatter(
            [name = name, format](const blog::record_view& record, blog::formatting_ostream& out) {
                std::string text;
                format(text, event_of(name, record));
                out.write(text.data(), static_cast<std::streamsize>(text.size()));
            });
        sinks.push_back(sink);
        core->add_sink(sink);
        lowest = std::min(lowest.value_or(*target.level), *target.level);
    }

    blog::record open(const queued_event& what) {
        blog::attribute_value_set values(7);
        values.insert(name.service, attribute(service_id{this}));
        values.insert(name.severity, attribute(what.level));
        values.insert(name.time, attribute(what.time_ns));
        values.insert(name.channel, attribute(what.channel));
        values.insert(name.backend, attribute(std::string(what.backend)));
        values.insert(name.pid, attribute(what.pid));
        values.insert(name.message, attribute(std::string(what.message)));
        return core->open_record(boost::move(values));
    }
};

event_router::event_router(event_targets targets) : impl_(std::make_unique<impl>()) {
    impl_->add(std::move(targets.console), format_console);
    impl_->add(std::move(targets.file), append_event);
    impl_->add(std::move(targets.syslog), format_syslog);
}

event_router::~event_router() = default;

bool event_router::route(const queued_event& what) {
    if (!impl_->lowest || what.level < *impl_->lowest) return true;  // nobody of ours wants it
    blog::record record = impl_->open(what);
    if (!record) {
        // The program may have removed every sink from the core; a sink that is registered
        // already is not added twice.
        for (const auto& sink : impl_->sinks) impl_->core->add_sink(sink);
        record = impl_->open(what);
    }
    if (!record) return false;
    const blog::record_view view = record.lock();
    for (const auto& sink : impl_->sinks) {
        if (sink->will_consume(view.attribute_values())) sink->consume(view);
    }
    return true;
}

}  // namespace fd2::logging
