"""Holds configuration files against the committed JSON Schema, with jsonschema and PyYAML.

validate.py CONFIG_DIR TESTS_DIR: config/*.yaml and accepted/*.yaml must be valid, and the broken
files named below must not be (so that a schema that allows everything does not pass).
Exits 77 (skipped) where a package is missing.
"""
import json
import pathlib
import sys

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
    "log-file-relative", "prefix-number", "prefix-too-long", "options-list", "options-bad-name",
    "section-is-scalar", "no-value", "root-list", "many-mistakes",
]

# Valid YAML that PyYAML cannot scan (a tab as white space).
UNREADABLE = ["tab-after-colon"]


def main():
    config, tests = map(pathlib.Path, sys.argv[1:3])
    schema = json.loads((config / "fd2.schema.json").read_text(encoding="utf-8"))
    Validator.check_schema(schema)
    validator = Validator(schema)

    def mistakes(path):
        document = yaml.safe_load(path.read_text(encoding="utf-8-sig"))
        return [f"{'.'.join(map(str, e.path))}: {e.message}" for e in validator.iter_errors(document)]

    failed = 0
    valid = sorted(config.glob("*.yaml")) + sorted((tests / "accepted").glob("*.yaml"))
    for path in valid:
        if path.stem in UNREADABLE:
            continue
        for mistake in mistakes(path):
            print(f"{path}: {mistake}")
            failed += 1
    for name in REFUSED:
        if not mistakes(tests / "broken" / f"{name}.yaml"):
            print(f"broken/{name}.yaml: the schema has nothing against it")
            failed += 1
    print(f"{len(valid)} files valid, {len(REFUSED)} refused, {failed} surprises")
    return 1 if failed or len(valid) < 4 else 0


sys.exit(main())
