"""What a wrapper adds before the command's main is reached, and in all."""

from .children import output_of


def candidates(setting):
    stamp = setting.program("stamp")
    static = setting.program("static_wrapper")
    forced_fork = '"$0" "$@"; exit'
    other = {} if not setting.beside else {
        "the other fd2 run": [setting.beside, "run", "--", stamp, "{fd}"],
        "the other fd2 run -- /bin/true": [setting.beside, "run", "--", "/bin/true"],
    }
    return {
        "no wrapper": [stamp, "{fd}"],
        "static C relay": [static, stamp, "{fd}"],
        "fd2 run": [setting.fd2, "run", "--", stamp, "{fd}"],
        "sh -c": ["sh", "-c", forced_fork, stamp, "{fd}"],
        "bash -c": ["bash", "-c", forced_fork, stamp, "{fd}"],
        "/bin/true alone": ["/bin/true"],
        "fd2 run -- /bin/true": [setting.fd2, "run", "--", "/bin/true"],
        "bash -c '/bin/true; exit'": ["bash", "-c", "/bin/true; exit"],
        "bash -c 'true; exit' (built in)": ["bash", "-c", "true; exit"],
        **other,
    }


def measure_all(setting):
    """{name: {"main": [...] or [], "all": [...]}}, nanoseconds, an element a round."""
    who = candidates(setting)
    lines = ["\t".join([name, *argv]) for name, argv in who.items()]
    rounds = setting.choose(full=300, quick=40)
    text = output_of([setting.program("startup"), f"--rounds={rounds}"],
                     given="\n".join(lines).encode() + b"\n")
    out = {name: {"main": [], "all": []} for name in who}
    for line in text.splitlines():
        name, main, end = line.split("\t")
        if main != "-":
            out[name]["main"].append(int(main))
        out[name]["all"].append(int(end))
    return out
