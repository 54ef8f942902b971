#include "logging/event_records.hpp"

#include <boost/log/attributes/attribute_value_impl.hpp>
#include <boost/log/attributes/value_extraction.hpp>
#include <boost/log/core.hpp>
#include <boost/log/sinks/basic_sink_backend.hpp>
#include <boost/log/sinks/unlocked_frontend.hpp>
#include <boost/make_shared.hpp>
#include <boost/shared_ptr.hpp>
#include <string>
#include <utility>
#include <vector>

#include "base/plain_text.hpp"
#include "base/severity.hpp"
#include "logging/format.hpp"
#include "logging/syslog_socket.hpp"

namespace fd2::logging {
namespace {

namespace blog = boost::log;

/// A name, interned by Boost.Log once, and the type of its values. Views are of the event that is
/// being written; no record outlives `write`.
template <class T>
struct attribute {
    blog::attribute_name name;
    void add(blog::attribute_value_set& values, T value) const {
        values.insert(name, blog::attributes::make_attribute_value(value));
    }
    template <class Values>
    T in(const Values& values) const {
        return blog::extract<T>(name, values).get();
    }
};

struct attributes {
    attribute<fd2::severity> severity{"Severity"};
    attribute<std::int64_t> time{"Time"};
    attribute<std::uint64_t> channel{"Channel"};
    attribute<std::string_view> backend{"Backend"};
    attribute<pid_t> pid{"Pid"};
    attribute<std::string_view> message{"Message"};
    attribute<unsigned> targets{"Targets"};
};

/// Fed by one thread only, so its frontend need not lock.
class target
    : public blog::sinks::basic_formatted_sink_backend<char, blog::sinks::concurrent_feeding> {
  public:
    explicit target(event_records::writer write) : write_(std::move(write)) {}
    void consume(const blog::record_view&, const std::string& text) { write_(text); }

  private:
    event_records::writer write_;
};
using target_sink = blog::sinks::unlocked_sink<target>;

std::string json(const attributes& names, const blog::record_view& record) {
    std::string out = "{\"time\":\"";
    append_time(out, names.time.in(record));
    out += "\",\"level\":\"";
    out += name_of(names.severity.in(record));
    out += '"';
    append_whose(out, names.channel.in(record), names.backend.in(record), names.pid.in(record));
    out += ",\"message\":";
    append_json_string(out, names.message.in(record));
    return out += "}\n";
}

/// "<PRI>Mmm dd hh:mm:ss fd2[PID]: warning: MESSAGE (channel 3, backend pipe, pid 4711)", in local
/// time (RFC 3164, as syslog(3) has it).
std::string datagram(const attributes& names, const blog::record_view& record) {
    const severity level = names.severity.in(record);
    std::string out = syslog_head(level, names.time.in(record));
    out += name_of(level);
    out += ": ";
    append_plain(out, names.message.in(record));
    std::string whose;
    if (const auto channel = names.channel.in(record); channel != 0) {
        whose += ", channel " + std::to_string(channel);
    }
    if (const auto backend = names.backend.in(record); !backend.empty()) {
        whose += ", backend " + plain(backend);
    }
    if (const auto pid = names.pid.in(record); pid != 0) whose += ", pid " + std::to_string(pid);
    if (!whose.empty()) out += " (" + whose.substr(2) + ')';
    return out;
}

}  // namespace

struct event_records::impl {
    const blog::core_ptr core = blog::core::get();
    const attributes names{};
    std::vector<boost::shared_ptr<target_sink>> sinks;

    ~impl() {
        for (const auto& sink : sinks) core->remove_sink(sink);
    }

    void add(severity least, unsigned own, writer write,
             std::string (*format)(const attributes&, const blog::record_view&)) {
        if (!write) return;
        auto sink = boost::make_shared<target_sink>(boost::make_shared<target>(std::move(write)));
        sink->set_filter([this, least, own](const blog::attribute_value_set& values) {
            return names.severity.in(values) >= least && (names.targets.in(values)&own) != 0;
        });
        sink->set_formatter(
            [this, format](const blog::record_view& record, blog::formatting_ostream& out) {
                out << format(names, record);
            });
        sinks.push_back(sink);
        core->add_sink(sink);
    }
};

event_records::event_records(severity least, writer file, writer syslog)
    : impl_(std::make_unique<impl>()) {
    impl_->add(least, to_file, std::move(file), json);
    impl_->add(least, to_syslog, std::move(syslog), datagram);
}

event_records::~event_records() = default;

void event_records::write(const event& what, std::int64_t time, unsigned targets) {
    // Without a sink the core would hand the record to its default one, which prints it.
    if (impl_->sinks.empty()) return;
    const attributes& names = impl_->names;
    blog::attribute_value_set values(7);
    names.severity.add(values, what.level);
    names.time.add(values, time);
    names.channel.add(values, what.channel);
    names.backend.add(values, what.backend);
    names.pid.add(values, what.pid);
    names.message.add(values, what.message);
    names.targets.add(values, targets);
    if (blog::record record = impl_->core->open_record(boost::move(values))) {
        impl_->core->push_record(boost::move(record));
    }
}

}  // namespace fd2::logging
