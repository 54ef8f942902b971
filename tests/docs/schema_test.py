#!/usr/bin/env python3
"""The published schemas accept what fd2 prints and what the pages show, name every member of it,
and refuse what is broken."""
import copy
import json
import sys

import documents

try:
    import jsonschema
except ImportError:
    documents.skip("python3-jsonschema is not installed")

RUNS = {  # one for each shape that a report can have
    "success": "fd2 run --stats out -- true",
    "status and tail": "fd2 run --stats out --tail 10B --forward off -- sh -c 'seq 99 >&2; exit 3'",
    "cause": "fd2 run --stats out -- sh -c 'echo ssh: connect to host h port 22: Connection refused "
             ">&2; exit 255'",
    "signal": "fd2 run --stats out -- sh -c 'kill -TERM $$'",
    "writers remain, explained": "fd2 run --explain --stats out -- sh -c 'sleep 9 & echo x >&2'",
    "writers remain": "fd2 run --stats out -- sh -c 'sleep 9 & echo x >&2'",
    "fallback": "fd2 run --set backends=/no/such.so,pipe --stats out -- sh -c 'echo x >&2'",
    "inherit": "fd2 run --transport async --stats out -- sh -c 'echo x >&2'",
    "descriptor": "fd2 run --stats-fd 3 -- true 3>out",
    "rule": "printf 'rules: [{name: a, rollout: {percent: 100, by: user, salt: s}, set: {}}]' "
            ">rules.yaml; fd2 run --config rules.yaml --stats out -- true",
    "not UTF-8": "fd2 run --stats out -- echo $'\\377'",
}


def validator(name):
    schema = json.loads(documents.read(f"docs/{name}.schema.json"))
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def errors(check, what, data):
    return [f"{what}: {list(e.absolute_path)}: {e.message}" for e in check.iter_errors(data)]


def unnamed(schema, data, path=""):
    """Members of `data` of which the schema says nothing."""
    if isinstance(data, list):
        return [m for item in data for m in unnamed(schema.get("items", {}), item, path + "[]")]
    if not isinstance(data, dict):
        return []
    known = dict(schema.get("properties", {}))
    for choice in schema.get("oneOf", []):
        known.update(choice.get("properties", {}))
    out = [f"{path}.{name}" for name in data if name not in known]
    for name, value in data.items():
        out += unnamed(known.get(name, {}), value, f"{path}.{name}")
    return out


def accepted_breakage(check, data):
    """Ways to break `data` that go unnoticed: a member taken away, or made something else."""
    out = []

    def mutate(at, path):
        for number, item in enumerate(at if isinstance(at, list) else []):
            mutate(item, f"{path}[{number}]")
        for name in list(at) if isinstance(at, dict) else []:
            value = at.pop(name)
            if check.is_valid(data):
                out.append(f"without {path}.{name}")
            at[name] = ["nonsense", {}]
            if check.is_valid(data):
                out.append(f"nonsense as {path}.{name}")
            at[name] = value
            mutate(value, f"{path}.{name}")

    mutate(data, "")
    return out


def look_at(check, what, data):
    return (errors(check, what, data) +
            [f"{what}: the schema does not name {m}" for m in unnamed(check.schema, data)] +
            [f"{what}: accepted: {b}" for b in accepted_breakage(check, copy.deepcopy(data))])


def main():
    problems, count = [], 0
    stats, plugins, doctor, conform, explain, report, why = map(
        validator, ("fd2.stats", "fd2.plugins", "fd2.doctor", "fd2.conform", "fd2.explain",
                    "fd2.report", "fd2.why"))
    with documents.Scratch() as scratch:
        for what, command in RUNS.items():
            scratch.run(f"rm -f out; {command}")
            status, printed = scratch.run("cat out")
            if status != 0 or printed.count("\n") != 1:
                problems.append(f"{what}: is not one line: {printed!r}")
                continue
            problems += look_at(stats, what, json.loads(printed))
            count += 1
        scratch.run("mkdir bad; echo junk > bad/junk.so")
        for arguments in ("", " --plugin-path bad"):
            _, printed = scratch.run("fd2 plugins --json" + arguments)
            problems += look_at(plugins, "plugins" + arguments, json.loads(printed))
            count += 1
        for arguments in ("", " --plugin-path bad", " --set capture.x=1", " --set backends=bad"):
            _, printed = scratch.run("fd2 doctor --json" + arguments)
            problems += look_at(doctor, "doctor" + arguments, json.loads(printed))
            count += 1
        scratch.run("printf 'capture: {tail: 1KiB}\\nrules:\\n- {when: {host: a}, set: {}}\\n"
                    "- {name: b, rollout: {percent: 100, by: [user], salt: s}, "
                    "set: {surface: never, require: [wake]}}\\n- {set: {}}\\n' >rules.yaml")
        for arguments in ("--config rules.yaml -- ssh b", "--link ssh -- ssh b", "--set log.keep=1 sh"):
            _, printed = scratch.run("fd2 config explain --json " + arguments)
            problems += look_at(explain, "explain " + arguments, json.loads(printed))
            count += 1
        scratch.run("printf 'rules: [{name: a, set: {}}]\\nreport: {file: %s/all}' $PWD >rules.yaml; "
                    "fd2 run --config rules.yaml --set backends=/no/such.so -- false; "
                    "ln -s $(command -v false) ssh; "
                    "fd2 run --config rules.yaml -- ./ssh host; echo damaged >>all")
        for arguments in ("--since 24h all", "empty"):
            _, printed = scratch.run("touch empty; fd2 report --json " + arguments)
            problems += look_at(report, "report " + arguments, json.loads(printed))
            count += 1
        scratch.run("echo 'bash: job: command not found' >text; fd2 run --stats good -- true")
        for arguments in ("all", "text", "--status SIGKILL text", "--status 127 --tool ssh text",
                          "good"):
            _, printed = scratch.run(f"fd2 why --json {arguments} 2>/dev/null")
            problems += look_at(why, "why " + arguments, json.loads(printed))
            count += 1
        # One check that is judged, and one that is skipped.
        _, printed = scratch.run("fd2 conform --json --include '^(N10|H02)$' pipe")
        problems += look_at(conform, "conform", json.loads(printed))
        count += 1
    for line, block in documents.blocks(documents.read("docs/stats.md"), "json"):
        data = json.loads(block)
        check = {"fd2.plugins/1": plugins, "fd2.doctor/1": doctor,
                 "fd2.explain/1": explain, "fd2.why/1": why}.get(data.get("schema"), stats)
        problems += errors(check, f"docs/stats.md:{line}", data)
        count += 1
    return documents.verdict(problems, f"{count} documents looked at")


if __name__ == "__main__":
    sys.exit(main())
