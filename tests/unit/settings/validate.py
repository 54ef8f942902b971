"""Holds configuration files against the committed JSON Schema, with jsonschema and PyYAML.

validate.py CONFIG_DIR: config/*.yaml and accepted_cases.txt must be valid, and the cases of
broken_cases.txt that are named below must not be (so that a schema that allows everything does not
pass).
Exits 77 (skipped) where a package is missing.
"""
import json
import pathlib
import sys

import cases

try:
    import jsonschema
    import yaml
    Validator = jsonschema.Draft202012Validator
except (ImportError, AttributeError) as missing:
    print(f"skipped: {missing} (Debian: python3-jsonschema, python3-yaml)")
    sys.exit(77)

REFUSED = [
    "unknown-key", "unknown-top-level", "size-without-unit", "size-decimal-unit",
    "duration-without-unit", "bool-not-one", "bool-number", "bool-in-quotes", "integer-in-quotes",
    "integer-out-of-range", "choice-near", "choice-false", "list-is-scalar", "list-empty",
    "list-twice", "list-too-long", "backend-relative-path", "unknown-capability", "plugin-path-relative",
    "log-file-relative", "tail-file-placeholder", "prefix-number", "prefix-too-long", "options-list", "options-bad-name",
    "section-is-scalar", "no-value", "root-list", "many-mistakes",
    "rules-mapping", "rules-scalar-item", "rules-unknown-key", "rules-unknown-condition",
    "rules-no-set", "rules-number-as-pattern", "rules-terminal-word", "rules-set-mistakes",
    "rules-percent", "rules-rollout-incomplete",
]

# Valid YAML that PyYAML cannot scan (a tab as white space).
UNREADABLE = ["tab-after-colon"]


def main():
    config, tables = pathlib.Path(sys.argv[1]), pathlib.Path(__file__).parent
    schema = json.loads((config / "fd2.schema.json").read_text(encoding="utf-8"))
    Validator.check_schema(schema)
    validator = Validator(schema)

    def mistakes(file):
        document = yaml.safe_load(file.decode("utf-8-sig"))
        return [f"{'.'.join(map(str, e.path))}: {e.message}" for e in validator.iter_errors(document)]

    failed = 0
    causes = json.loads((config / "fd2.causes.schema.json").read_text(encoding="utf-8"))
    Validator.check_schema(causes)
    rules = yaml.safe_load((config / "causes.yaml").read_bytes())
    for mistake in Validator(causes).iter_errors(rules):
        print(f"causes.yaml: {list(mistake.path)}: {mistake.message}")
        failed += 1
    for name, wrong in (("class", "nosuch"), ("line", []), ("status", "x"), ("other", 1)):
        if Validator(causes).is_valid({"causes": [{**rules["causes"][0], name: wrong}]}):
            print(f"the schema of causes has nothing against {name}: {wrong!r}")
            failed += 1
    valid = {path.name: path.read_bytes() for path in sorted(config.glob("*.yaml"))
             if path.name != "causes.yaml"}
    valid |= cases.read(tables / "accepted_cases.txt")
    for name, file in valid.items():
        if name in UNREADABLE:
            continue
        for mistake in mistakes(file):
            print(f"{name}: {mistake}")
            failed += 1
    broken = cases.read(tables / "broken_cases.txt")
    for name in REFUSED:
        if not mistakes(broken[name]):
            print(f"{name} of broken_cases.txt: the schema has nothing against it")
            failed += 1
    print(f"{len(valid)} files valid, {len(REFUSED)} refused, {failed} surprises")
    return 1 if failed or len(valid) < 4 else 0


sys.exit(main())
