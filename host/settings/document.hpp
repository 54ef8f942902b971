// YAML text to a small tree that remembers where everything stood. yaml-cpp is used in
// document.cpp and nowhere else. Private to the room.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "settings/origin.hpp"
#include "settings/text.hpp"

namespace fd2::settings {

struct member;

/// One node. `items` for a list, `members` for a mapping, `text` for a scalar.
struct node {
    enum class kind { null, scalar, list, mapping };
    kind is = kind::null;
    place at;
    std::string text;
    bool quoted = false;
    std::vector<node> items;
    std::vector<member> members;
};

/// One `key: value`. Members with a key that was already reported are not in the tree.
struct member {
    std::string key;
    place at;  ///< the key's
    node value;
};

/// The deepest that a valid file goes is 3 (options, backend, option); a little more lets a wrong
/// file be told its wrong keys.
inline constexpr int deepest = 8;

/// The tree, or nothing if the text cannot be parsed. In both cases what is wrong is in `out`:
/// besides syntax, everything a settings file has no use for: duplicate keys, anchors, aliases,
/// merge keys, tags, block scalars, further documents, deep nesting. An empty text is a null node.
/// Time and memory are linear in `text`.
std::optional<node> parse_document(std::string_view text, std::string_view file, report& out);

}  // namespace fd2::settings
