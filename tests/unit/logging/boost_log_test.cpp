// A program that uses Boost.Log itself, beside fd2's log and beside two of them.
#include <boost/log/attributes/attribute_value_impl.hpp>
#include <boost/log/core.hpp>
#include <boost/log/expressions.hpp>
#include <boost/log/sinks/sync_frontend.hpp>
#include <boost/log/sinks/text_ostream_backend.hpp>
#include <boost/make_shared.hpp>

#include "unit/logging/support.hpp"

using namespace logging_test;
using fd2::severity;

namespace {

namespace blog = boost::log;

/// The program's own sink, without a filter, and its own way of logging.
class program {
  public:
    program() : stream_(boost::make_shared<std::ostringstream>()) {
        auto backend = boost::make_shared<blog::sinks::text_ostream_backend>();
        backend->add_stream(stream_);
        sink_ = boost::make_shared<sink_type>(backend);
        sink_->set_formatter([](const blog::record_view& record, blog::formatting_ostream& out) {
            if (const auto text = blog::extract<std::string>("Message", record)) out << *text;
        });
        core_->add_sink(sink_);
    }
    ~program() {
        core_->remove_sink(sink_);
        core_->reset_filter();
        core_->set_logging_enabled(true);
    }
    program(const program&) = delete;
    program& operator=(const program&) = delete;

    void say(const std::string& text) {
        blog::attribute_value_set values;
        values.insert("Message", blog::attributes::make_attribute_value(text));
        // As near to a record of ours as a program's can be.
        values.insert("Severity", blog::attributes::make_attribute_value(severity::error));
        if (auto record = core_->open_record(boost::move(values))) {
            core_->push_record(boost::move(record));
        }
    }
    void refuse_all() {
        sink_->set_filter([](const blog::attribute_value_set&) { return false; });
    }
    std::string seen() const { return stream_->str(); }
    blog::core& core() { return *core_; }

  private:
    using sink_type = blog::sinks::synchronous_sink<blog::sinks::text_ostream_backend>;
    blog::core_ptr core_ = blog::core::get();
    boost::shared_ptr<std::ostringstream> stream_;
    boost::shared_ptr<sink_type> sink_;
};

}  // namespace

TEST_CASE("the program's Boost.Log and fd2's log do not see each other's records") {
    program own;
    console one, two;
    log_options options;
    options.console = one.writer();
    const auto first = open_log(options);
    options.console = two.writer();
    const auto second = open_log(options);
    say(*first, severity::error, "first");
    say(*second, severity::error, "second");
    own.say("the program's");
    REQUIRE(first->flush(soon()));
    REQUIRE(second->flush(soon()));
    CHECK(own.seen() == "the program's\n");
    CHECK(one.lines() == std::vector<std::string>{"fd2: error: first\n"});
    CHECK(two.lines() == std::vector<std::string>{"fd2: error: second\n"});
}

TEST_CASE("one of two services ends and the other goes on") {
    program own;
    console one, two;
    log_options options;
    options.console = one.writer();
    auto first = open_log(options);
    options.console = two.writer();
    const auto second = open_log(options);
    say(*first, severity::error, "a");
    first.reset();
    say(*second, severity::error, "b");
    REQUIRE(second->flush(soon()));
    own.say("c");
    CHECK(one.lines().size() == 1);
    CHECK(two.lines().size() == 1);
    CHECK(own.seen() == "c\n");
}

TEST_CASE("sinks that the program throws out of the core are put back") {
    program own;
    console tty;
    log_options options;
    options.console = tty.writer();
    const auto log = open_log(options);
    say(*log, severity::error, "one");
    REQUIRE(log->flush(soon()));
    own.core().remove_all_sinks();
    auto picky =
        boost::make_shared<blog::sinks::synchronous_sink<blog::sinks::text_ostream_backend>>();
    picky->set_filter([](const blog::attribute_value_set&) { return false; });
    own.core().add_sink(picky);
    say(*log, severity::error, "two");
    REQUIRE(log->flush(soon()));
    own.core().remove_sink(picky);
    CHECK(tty.lines() == std::vector<std::string>{"fd2: error: one\n", "fd2: error: two\n"});
}

TEST_CASE("a global filter of the program is heeded, counted and told; lines are no log records") {
    const scratch dir;
    program own;
    own.core().set_filter([](const blog::attribute_value_set&) { return false; });
    console tty;
    log_options options;
    options.console = tty.writer();
    options.file = dir / "log";
    {
        const auto log = open_log(options);
        say(*log, severity::error, "refused");
        say(*log, severity::error, "refused");
        const auto sink = log->open_lines({});
        line_record line;
        line.text = "a child's";
        sink->offer(line);
        REQUIRE(log->flush(soon()));
        CHECK(log->stats().events_refused == 2);
        own.core().reset_filter();
        say(*log, severity::error, "let pass");
    }
    CHECK(tty.count("Boost.Log settings refuse fd2's records") == 1);
    CHECK(tty.count("let pass") == 1);
    CHECK(tty.lines().size() == 2);
    const auto got = records(options.file);
    REQUIRE(got.size() == 2);
    CHECK(got[0]["text"] == "a child's");
    CHECK(got[1]["message"] == "let pass");
}

TEST_CASE("services come and go without leaving a sink in the core") {
    program own;
    own.refuse_all();
    // A record of ours, as the core sees it, to be shown to it again later.
    blog::attribute_value service;
    own.core().set_filter([&service](const blog::attribute_value_set& values) {
        const auto found = values.find("Fd2Service");
        if (found != values.end()) service = found->second;
        return true;
    });
    const auto accepted = [&] {
        blog::attribute_value_set values;
        values.insert("Fd2Service", service);
        values.insert("Severity", blog::attributes::make_attribute_value(severity::error));
        return !!own.core().open_record(boost::move(values));
    };
    for (int i = 0; i < 3; ++i) {
        console tty;
        log_options options;
        options.console = tty.writer();
        auto log = open_log(options);
        say(*log, severity::error, "x");
        REQUIRE(log->flush(soon()));
        CHECK(tty.lines().size() == 1);
        CHECK(accepted());
        log.reset();
        CHECK_FALSE(accepted());
    }
}
