// What is derived from the table of keys: the JSON Schema, the commented defaults, the reference.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "settings/keys.hpp"

namespace fd2::settings {

/// A value as JSON: a boolean, a number, a list of strings, or the text that a file has for it.
nlohmann::ordered_json json_of(const key_info& key, const value& v);

/// JSON Schema, draft 2020-12, for a configuration file; ends in a newline. Every file that load()
/// accepts is valid by it (except for backends' options that YAML 1.1 reads as dates). The converse
/// holds except for what a schema cannot express: ranges of values with units, and which backends
/// exist. Committed as config/fd2.schema.json.
std::string json_schema();

/// A configuration file with every key, its default and what it means. Committed as
/// config/fd2.yaml.
std::string commented_defaults();

/// A table of all keys in Markdown, for the documents.
std::string reference_table();

}  // namespace fd2::settings
