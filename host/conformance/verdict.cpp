#include "conformance/verdict.hpp"

#include <nlohmann/json.hpp>

namespace fd2::conformance {

std::string_view name_of(status what) noexcept {
    switch (what) {
        case status::pass:
            return "pass";
        case status::fail:
            return "fail";
        case status::crash:
            return "crash";
        case status::hang:
            return "hang";
        case status::skip:
            return "skip";
        case status::warn:
            return "warn";
        case status::waived:
            return "waived";
    }
    return "?";
}

void to_json(json& out, const finding& found) {
    out = {{"expected", found.expected},
           {"seen", found.seen},
           {"where", found.where},
           {"context", found.context}};
}

static void from_json(const json& in, finding& out) {
    in.at("expected").get_to(out.expected);
    in.at("seen").get_to(out.seen);
    in.at("where").get_to(out.where);
    in.at("context").get_to(out.context);
}

void to_json(json& out, const verdict& given) {
    out = {{"id", given.id},
           {"status", name_of(given.what)},
           {"seconds", given.seconds},
           {"reason", given.reason.empty() ? json(nullptr) : json(given.reason)},
           {"findings", given.findings},
           {"findings_left_out", given.left_out},
           {"notes", given.notes},
           {"threads", given.threads},
           {"left_behind", given.left},
           {"output", given.output}};
}

void to_json(json& out, const description& from) {
    out = {{"id", from.id},         {"version", from.version},
           {"vendor", from.vendor}, {"description", from.text},
           {"medium", from.medium}, {"capabilities", from.capabilities}};
}

static void from_json(const json& in, description& out) {
    in.at("id").get_to(out.id);
    in.at("version").get_to(out.version);
    in.at("vendor").get_to(out.vendor);
    in.at("description").get_to(out.text);
    in.at("medium").get_to(out.medium);
    in.at("capabilities").get_to(out.capabilities);
}

std::string serialize(const report& from) {
    const json all = {{"findings", from.findings}, {"left_out", from.left_out},
                      {"over", from.over},         {"notes", from.notes},
                      {"skipped", from.skipped},   {"judged", from.judged},
                      {"plugin", from.plugin}};
    return all.dump(-1, ' ', true, json::error_handler_t::replace);
}

bool deserialize(std::string_view text, report& out) {
    try {
        const json all = json::parse(text);
        for (const json& each : all.at("findings")) from_json(each, out.findings.emplace_back());
        all.at("left_out").get_to(out.left_out);
        all.at("over").get_to(out.over);
        all.at("notes").get_to(out.notes);
        all.at("skipped").get_to(out.skipped);
        all.at("judged").get_to(out.judged);
        from_json(all.at("plugin"), out.plugin);
        return true;
    } catch (const json::exception&) {
        return false;
    }
}

}  // namespace fd2::conformance
