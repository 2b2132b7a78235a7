"""Numbers for people: few digits, a unit, a sign for changes."""

from __future__ import annotations


def count(part: int, whole: int) -> str:
    """A part of a whole: ``2/250``."""
    return f"{part}/{whole}"


def percent(part: int, whole: int) -> str:
    """The share in percent with two significant digits, "-" of nothing."""
    if not whole:
        return "-"
    share = 100 * part / whole
    return f"{share:.1f}%" if share < 9.95 else f"{share:.0f}%"


def percentage(fraction: float) -> str:
    """A share in percent with one decimal: 0.125 is ``12.5%``."""
    return f"{100 * fraction:.1f}%"


def points(fraction: float) -> str:
    """A change of a share in percentage points, signed: 0.036 is ``+3.6``."""
    return _signed(100 * fraction, 1)


def p_value(p: float | None) -> str:
    """A p-value with two significant digits, at least a thousandth, "" for None."""
    if p is None:
        return ""
    if p < 0.001:
        return "<0.001"
    return f"{p:.3f}" if p < 0.0995 else f"{p:.2f}"


def seconds(duration: float | None) -> str:
    """A duration in milliseconds or seconds, "-" for None."""
    if duration is None:
        return "-"
    if duration < 0.0995:
        return f"{1000 * duration:.0f}ms"
    if duration < 9.995:
        return f"{duration:.2f}s"
    return f"{duration:.1f}s" if duration < 99.95 else f"{duration:.0f}s"


def dollars(amount: float | None) -> str:
    """USD without the sign, two significant digits, "-" for None."""
    if amount is None:
        return "-"
    if amount == 0 or amount >= 0.0995:
        return f"{amount:.2f}"
    if amount < 1e-7:
        return "<0.0000001"
    decimals = 2
    while amount * 10**decimals < 9.95:
        decimals += 1
    return f"{amount:.{decimals}f}"


def change(before: float | None, after: float | None) -> str:
    """The change from the first to the second in percent, "-" where that is undefined."""
    if before is None or after is None or before <= 0:
        return "-"
    return _signed(100 * (after - before) / before, 0) + "%"


def difference(before: float | None, after: float | None) -> str:
    """The second minus the first, signed, two decimals, "-" where one is unknown."""
    return "-" if before is None or after is None else _signed(after - before, 2)


def _signed(number: float, decimals: int) -> str:
    text = f"{number:+.{decimals}f}"
    return text if float(text) else text[1:]
