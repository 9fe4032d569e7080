"""Whatever stands in policy/, it is a policy or an error in words."""

import random
from pathlib import Path

import pytest

from handrail.errors import HandrailError
from handrail.rails.policy_files import policy_in

EXAMPLE = Path(__file__).parents[3] / "deploy" / "policy"
RULES = b"\n".join(path.read_bytes() for path in sorted(EXAMPLE.glob("*.cedar")))
PEOPLE = (EXAMPLE / "people.toml").read_bytes()
SEEDS = range(5)
OF_A_SEED = 8
PIECES = (b"@id", b'("x")', b"permit", b"forbid", b"(", b")", b"{", b"}", b";", b"when", b"unless")
PIECES += (b"principal", b"action ==", b"resource", b'Tool::"x"', b"?principal", b"//", b"\xff")


def torn(rng: random.Random, whole: bytes) -> bytes:
    """Give a file with a piece of it gone, doubled, or changed."""
    found = bytearray(whole)
    at = rng.randrange(len(found))
    match rng.randrange(3):
        case 0:
            del found[at : at + rng.randint(1, 40)]
        case 1:
            found[at:at] = found[at : at + rng.randint(1, 40)]
        case _:
            found[at] = rng.randrange(256)
    return bytes(found)


def pieces(rng: random.Random) -> bytes:
    return b" ".join(rng.choice(PIECES) for _ in range(rng.randint(1, 12)))


def in_words(folder: Path, rules: bytes, people: bytes) -> bool:
    """Read a policy; says whether there was something to object to. Lets no other error through."""
    (folder / "rules.cedar").write_bytes(rules)
    (folder / "people.toml").write_bytes(people)
    try:
        policy_in(folder)
    except HandrailError as error:
        told = error
    else:
        return False
    assert told.code in str(told)
    assert "Traceback" not in str(told)
    return True


@pytest.mark.parametrize("seed", SEEDS)
def test_garbage_in_rules_is_told_in_words(tmp_path: Path, seed: int) -> None:
    rng = random.Random(seed)

    made = [rules for _ in range(OF_A_SEED) for rules in (torn(rng, RULES), pieces(rng))]

    told = [in_words(tmp_path, rules, PEOPLE) for rules in made]

    assert any(told)


@pytest.mark.parametrize("seed", SEEDS)
def test_garbage_in_the_list_of_people_is_told_in_words(tmp_path: Path, seed: int) -> None:
    rng = random.Random(seed)

    made = [torn(rng, PEOPLE) for _ in range(OF_A_SEED)] + [rng.randbytes(50)]

    told = [in_words(tmp_path, RULES, people) for people in made]

    assert any(told)
