// What is derived from the table of keys: the JSON Schema, the commented defaults, the reference.
#pragma once

#include <string>

namespace fd2::settings {

/// JSON Schema, draft 2020-12, for a configuration file; ends in a newline. Every file that load()
/// accepts is valid by it (but for backends' options that YAML 1.1 reads as dates). The converse
/// holds but for what a schema cannot say: ranges of values with units, and which backends exist.
/// Committed as config/fd2.schema.json.
std::string json_schema();

/// A configuration file with every key, its default and what it means. Committed as
/// config/fd2.yaml.
std::string commented_defaults();

/// A table of all keys in Markdown, for the documents.
std::string reference_table();

}  // namespace fd2::settings
