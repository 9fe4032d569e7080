"""Options that take a number: what makes no sense there is refused before anything is done."""

from pathlib import Path

import click
import pytest

from handrail.cli.main import root
from handrail.cli.numbers import Amount
from tests.unit.cli.test_main import every_command

#: Options that are meant to take any number there is.
ANY_NUMBER = {("chaos", "seed")}


def numbers_of_options() -> list[tuple[str, click.Option]]:
    found = []
    for name, command in every_command(root).items():
        found += [
            (name, option)
            for option in command.params
            if isinstance(option, click.Option)
            and isinstance(option.type, click.types.IntParamType | click.types.FloatParamType)
            and (name, option.name) not in ANY_NUMBER
        ]
    return found


def refused(option: click.Option, text: str) -> bool:
    try:
        option.type.convert(text, option, None)
    except click.BadParameter:
        return True
    return False


def test_every_option_that_takes_a_number_refuses_what_makes_no_sense() -> None:
    options = numbers_of_options()
    wrong = [
        f"handrail {name} {option.opts[-1]} {text}"
        for name, option in options
        for text in ("-1", "nan", "inf", "-inf")
        if not refused(option, text)
    ]

    assert len(options) > 10
    assert wrong == []


@pytest.mark.parametrize("text", ["nan", "inf", "0.001", "two"])
def test_an_amount_is_a_number_within_its_range(text: str) -> None:
    with pytest.raises(click.BadParameter):
        Amount(0.01, 10).convert(text, None, None)

    assert Amount(0.01, 10).convert("2.5", None, None) == 2.5


@pytest.mark.parametrize(
    "words", [["dead", "list", "-n", "0"], ["list", "-n", "0"], ["chaos", "--rate", "0"]]
)
def test_no_row_and_no_task_at_all_is_not_what_anybody_wants(
    words: list[str],
) -> None:
    with pytest.raises(click.BadParameter):
        root.main(words, standalone_mode=False)


def test_an_account_that_cannot_be_written_is_refused_before_a_round_is_played(
    tmp_path: Path,
) -> None:
    (tmp_path / "file").touch()
    there = tmp_path / "file" / "rounds.jsonl"

    with pytest.raises(click.BadParameter, match="cannot be written"):
        root.main(["chaos", "--rounds", str(there)], standalone_mode=False)
