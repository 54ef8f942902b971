"""The cost curve: every size of a write, each way of writing, each object at the far end. A cliff
between two sizes shows here, and the worst point is the measure."""

from .backends import BACKENDS, MEDIA, medium_of, usable
from .numbers import median, ratios
from .relay import Candidate, Load, Series, attempt, check_carried, fd2_run, interleaved

# From a byte to sixteen pipes; odd ones, and what lies around a page.
SIZES = (1, 16, 79, 80, 100, 256, 512, 1000, 1024, 1500, 2048, 3000, 4000, 4080, 4095, 4096, 4097,
         5000, 8192, 10000, 16384, 65536, 100000, 262144, 1048576)
QUICK_SIZES = (80, 1000, 4000, 4096, 65536)

# {name: (the sink, how the child writes beside its size)}
WAYS = {
    "/dev/null": ("null", {}),
    "a pipe": ("pipe", {}),
    "a file": ("file", {}),
    "a terminal": ("terminal", {}),
    "/dev/null, sizes vary": ("null", {"jitter": True}),
    "/dev/null, four writers": ("null", {"writers": 4}),
}
QUICK_WAYS = ("/dev/null", "a pipe")
# What the worst point must keep, beside cat on the same kind of object.
GATES = {"bytes_per_second": 0.9, "cpu_seconds_per_gib": 1.3}
DEFAULT = "socketpair"  # the backend of whoever chooses none


def everybody(setting, way):
    """All backends to /dev/null; to the others, and quickly, those of the two usual objects."""
    media = MEDIA if way == "/dev/null" and not setting.quick else ("pipe", "socketpair")
    yield from (Candidate(f"cat, {medium}", ("cat",), medium=medium) for medium in media)
    for name in usable(setting):
        backend, medium, _ = BACKENDS[name]
        if media is MEDIA or name in media:
            yield fd2_run(setting, f"fd2 run, {name}", backend, medium)
    if setting.quick:
        return
    yield Candidate("splice", (setting.program("splice_relay"),))
    yield Candidate("no relay", kind="direct")
    if media is MEDIA:
        yield from (Candidate(f"discard, {medium}", (setting.program("discard"),), medium=medium)
                    for medium in media)


def measure_all(setting):
    """{way: {size: {name: data}}}"""
    for name in usable(setting):
        backend, medium, _ = BACKENDS[name]
        check_carried(setting, fd2_run(setting, name, backend, medium))
    return {way: one_way(setting, way) for way in setting.choose(full=WAYS, quick=QUICK_WAYS)}


def one_way(setting, way):
    sink, writing = WAYS[way]
    out, before = {}, {}
    for size in setting.choose(full=SIZES, quick=QUICK_SIZES):
        load = Load(size, **writing)

        def series(one, load=load):
            return Series(setting, one, load, sink, 0.06, before.get(one.name))

        before = {one.name: attempt(setting, one.name, load, sink, lambda one=one: series(one))
                  for one in everybody(setting, way)}
        out[size] = interleaved(setting, filter(None, before.values()),
                                setting.choose(full=5, quick=3))
    return out


def points(curve, key, name="", other=""):
    """[(way, size, name, ratios)] of all of fd2's backends, or of one candidate, each to `other`,
    or to cat on the same kind of object."""
    out = []
    for way, sizes in curve.items():
        for size, data in sizes.items():
            for who in data:
                base = data.get(other or f"cat, {medium_of(who)}")
                if (who == name if name else who.startswith("fd2 run")) and base and (
                        min(base[key]) > 0):
                    out.append((way, size, who, ratios(data[who][key], base[key])))
    return out


def worst(curve, key, more_is_better, **which):
    """The point that is worst."""
    pick = min if more_is_better else max
    return pick(points(curve, key, **which), key=lambda point: median(point[3]))


def name_of(point):
    way, size, name, _ = point
    return f"{name.removeprefix('fd2 run, ')}, {size} B, to {way}"
