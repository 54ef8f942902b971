"""What is measured inside a process that embeds the rooms."""

import json

from .children import output_of


def spawn_cost(setting):
    """{way: {"small": [...], "large": [...]}}, nanoseconds."""
    return json.loads(output_of([
        setting.program("spawn_cost"), f"--rounds={setting.choose(full=7, quick=3)}",
        f"--mib={setting.choose(full=1024, quick=256)}", "--", setting.program("stamp")]))


def line_cost(setting):
    """{what: nanoseconds a line}; empty without Google Benchmark."""
    if not setting.has("line_cost"):
        setting.note("the cost of a line was left out: Google Benchmark is not installed")
        return {}
    told = json.loads(output_of([
        setting.program("line_cost"), "--benchmark_format=json",
        f"--benchmark_min_time={setting.choose(full=0.3, quick=0.02)}"], cpu=setting.relay_cpu))
    return {one["name"]: 1e9 / one["items_per_second"] for one in told["benchmarks"]
            if not one.get("error_occurred")}
