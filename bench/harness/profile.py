"""What the measures came to when the profile was stored, to notice a fall.

The file holds ratios, no times, so that it fits machines of one kind; for a quick run and a full
one separately, because a worst point of fewer rounds is worse. `noise` is the factor by which a
measure may be worse before it counts as a fall."""

import json
import os

from .children import Failed

PATH = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "profile.json")
LEAST_NOISE = 1.15
QUICK_NOISE = 2.0  # so few and short rounds scatter by a third, beside other work by more
ATTEMPTS = 3  # whatever else the machine does makes a measure worse, hardly ever better


def key_of(measure):
    return f"{measure.number}. {measure.what}"


def read(quick):
    """The stored measures of a quick run, or of a full one."""
    try:
        with open(PATH, encoding="utf-8") as file:
            return json.load(file)["quick" if quick else "full"]
    except (FileNotFoundError, KeyError):
        form = "--quick " if quick else ""
        raise Failed(f"{PATH} has no run of this kind to compare with; make one on a machine with "
                     f"nothing else to do: bench/run {form}--store") from None


def noise_of(outcome, quick):
    """What the quartiles say, and no less than what runs differ by."""
    low, high = sorted((outcome.low, outcome.high))
    return round(max(QUICK_NOISE if quick else LEAST_NOISE,
                     high / low if low > 0 else 1.0), 2)


def store(outcomes, quick, machine):
    """Takes these for the profile; measures that this run did not make stay as they are."""
    try:
        with open(PATH, encoding="utf-8") as file:
            whole = json.load(file)
    except FileNotFoundError:
        whole = {}
    form = whole.setdefault("quick" if quick else "full", {})
    for one in outcomes:
        if one.value is not None and not one.measure.unit:
            form[key_of(one.measure)] = {"value": round(one.value, 3),
                                         "noise": noise_of(one, quick)}
    whole["machine"] = f"{machine['cpus']} x {machine['cpu']}, Linux {machine['kernel']}"
    with open(PATH, "w", encoding="utf-8") as file:
        file.write(json.dumps(whole, indent=1, sort_keys=True) + "\n")


def falls(outcomes, stored):
    """[(outcome, the stored value, the worst that would do)]"""
    out = []
    for one in outcomes:
        known = stored.get(key_of(one.measure))
        if one.value is None or not known:
            continue
        better = one.measure.more_is_better
        bound = known["value"] / known["noise"] if better else known["value"] * known["noise"]
        if one.value < bound if better else one.value > bound:
            out.append((one, known["value"], bound))
    return out


def best(outcomes, others):
    """Of two judgements of the same measures, the better value of each."""
    pick = lambda a, b: b if a.value is None or b.value is not None and (
        b.value > a.value) == a.measure.more_is_better else a
    return [pick(a, b) for a, b in zip(outcomes, others, strict=True)]
