"""Types of options that take a number."""

import math

import click

#: So many rows, records or lines: one at least.
COUNT = click.IntRange(min=1)


class Amount(click.FloatRange):
    """A number within a range. "nan" and "inf" are read as numbers by Python, and are none here."""

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Give the number, or refuse what is none."""
        number: float = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{value!r} is not a number.", param, ctx)
        return number
