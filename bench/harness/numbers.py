"""Medians, and ratios within a round."""

import statistics


def median(values):
    return statistics.median(values)


def spread(values):
    """The lower and the upper quartile."""
    if len(values) < 2:
        return values[0], values[0]
    low, _, high = statistics.quantiles(values, n=4, method="inclusive")
    return low, high


def ratios(ours, theirs):
    """Round by round: what one round's noise does to both, it does not do to their ratio."""
    return [one / other for one, other in zip(ours, theirs, strict=True)]


def percentile(values, share):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
