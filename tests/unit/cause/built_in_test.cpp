// The built-in rules are those of config/causes.yaml.
//
// `test_cause '[.write]'` rewrites host/cause/built_in.inc.
#include <fstream>
#include <sstream>
#include <utility>

#include "cause/rule_file.hpp"
#include "support/catch.hpp"
#include "unit/cause/support.hpp"

using namespace fd2::cause;

namespace {

std::string in_quotes(std::string_view text) {
    std::string out = "\"";
    for (const char c : text) {
        if (c == '"' || c == '\\') out += '\\';
        out += c;
    }
    return out + '"';
}

std::string enumerator(std::string_view type, std::string name) {
    for (char& c : name) c = c == '-' ? '_' : c;
    return std::string(type) + "::" + name;
}

/// The rules as C++.
std::string table_of(std::span<const rule> rules) {
    std::ostringstream arrays, table;
    for (const rule& one : rules) {
        const auto number = std::to_string(&one - rules.data());
        table << "    {" << in_quotes(one.id) << ", "
              << enumerator("kind", std::string(name_of(one.is))) << ", " << in_quotes(one.tool)
              << ", " << in_quotes(one.versions) << ",\n     ";
        for (const auto& [name, patterns] :
             {std::pair{"lines_", one.lines}, std::pair{"with_", one.with}}) {
            if (patterns.empty()) {
                table << "{}, ";
                continue;
            }
            table << name << number << ", ";
            arrays << "constexpr std::string_view " << name << number << "[] = {";
            for (const auto& line : patterns) arrays << "\n    " << in_quotes(line) << ',';
            arrays << "};\n";
        }
        table << one.own_status << ", ";
        if (one.statuses.empty()) {
            table << "{}";
        } else {
            table << "statuses_" << number;
            arrays << "constexpr status_range statuses_" << number << "[] = {";
            for (const auto& range : one.statuses) {
                arrays << '{' << range.first << ", " << range.last << "},";
            }
            arrays << "};\n";
        }
        const auto flag = [&table](bool set) { table << (set ? "true" : "false") << ", "; };
        table << ", ";
        flag(one.silent);
        flag(one.passed_on);
        flag(one.result);
        table << enumerator("confidence", std::string(name_of(one.sure))) << ",\n     "
              << in_quotes(one.next) << "},\n";
    }
    return "// config/causes.yaml, by `test_cause '[.write]'`. Do not edit.\n// clang-format "
           "off\n" +
           arrays.str() + "constexpr rule built_in[] = {\n" + table.str() + "};\n";
}

rule_file of_configuration() {
    rule_file out;
    fd2::settings::report found;
    out.read(test::read(FD2_CAUSES), "causes.yaml", found);
    for (const auto& one : found.all()) UNSCOPED_INFO(one.text());
    REQUIRE_FALSE(found.has_errors());
    return out;
}

}  // namespace

TEST_CASE("the built-in rules are those of config/causes.yaml") {
    CHECK(test::read(FD2_BUILT_IN) == table_of(of_configuration().rules()));
    CHECK(table_of(built_in_rules()) == test::read(FD2_BUILT_IN));
}

TEST_CASE("rules that are printed are read as the same rules") {
    rule_file again;
    fd2::settings::report found;
    again.read(yaml_of(built_in_rules()), "printed", found);
    for (const auto& one : found.all()) UNSCOPED_INFO(one.text());
    CHECK_FALSE(found.has_errors());
    CHECK(table_of(again.rules()) == table_of(built_in_rules()));
}

TEST_CASE("the schema of rules names the members and classes that there are") {
    const auto schema = nlohmann::json::parse(test::read(FD2_CAUSES_SCHEMA));
    const auto& properties = schema.at("$defs").at("rule").at("properties");
    std::vector<std::string> classes = properties.at("class").at("enum");
    const auto names = kind_names();
    CHECK(std::equal(classes.begin(), classes.end(), names.begin(), names.end()));
    for (const auto& [key, unused] : properties.items()) {
        rule_file one;
        fd2::settings::report found;
        one.read("causes:\n- " + key + ": x\n", "x", found);
        for (const auto& each : found.all()) CHECK(each.message != "unknown key");
    }
}

TEST_CASE("write what is derived from config/causes.yaml", "[.write]") {
    const std::string table = table_of(of_configuration().rules());
    std::ofstream(FD2_BUILT_IN, std::ios::binary) << table;
}
