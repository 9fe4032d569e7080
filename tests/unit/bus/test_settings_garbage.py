"""Whatever stands in handrail.toml or in a variable, it is settings or an error in words."""

import random
from pathlib import Path

import pytest

from handrail.bus.settings_file import load_settings
from handrail.errors import HandrailError

SEEDS = range(8)
OF_A_SEED = 8
SAID_CHARS_MAX = 1_000
VALUES = (
    *("0", "-1", "1e999", "nan", "true", "[]", "{}", '""', '"\\u0000"', "1979-05-27", "[[]]"),
    *('"a:b:c"', '"' + "x" * 5_000 + '"', "'''\n'''", "9" * 400, "0x10", '["one", 2]', '"ü:9092"'),
)
KEYS = (
    *("namespace", "intake", "partitions", "replication", "drain_s", "task_deadline_s", "scale"),
    *("broker", "broker.bootstrap", "broker.security", "broker.sasl_password", "documents", "mcp"),
    *("mcp.x", "mcp.x.command", "mcp.x.url", "scale.x", "documents.x", "nonsense", '"."', '""'),
)
WHOLE = '[broker]\nbootstrap = "one:9092"\nsecurity = "SASL_SSL"\nsasl_username = "ada"\n'
VARIABLES = ("NAMESPACE", "PARTITIONS", "DRAIN_S", "BROKER_SECURITY", "SCALE", "DOCUMENTS")


def lines(rng: random.Random) -> bytes:
    """Give a file of settings that nobody would write."""
    chosen = [f"{rng.choice(KEYS)} = {rng.choice(VALUES)}" for _ in range(rng.randint(1, 4))]
    return "\n".join(chosen).encode()


def torn(rng: random.Random) -> bytes:
    """Give a good file with some of its bytes changed."""
    found = bytearray(WHOLE.encode())
    for _ in range(rng.randint(1, 6)):
        found[rng.randrange(len(found))] = rng.randrange(256)
    return bytes(found)


def noise(rng: random.Random) -> bytes:
    return rng.randbytes(rng.randint(0, 200))


def in_words(folder: Path, data: bytes, variables: dict[str, str]) -> bool:
    """Read settings; says whether there was something to object to. Lets no other error through."""
    (folder / "handrail.toml").write_bytes(data)
    try:
        load_settings(folder, variables, {})
    except HandrailError as error:
        told = error
    else:
        return False
    assert told.code in str(told)
    assert "Traceback" not in str(told)
    assert len(str(told)) < SAID_CHARS_MAX
    return True


@pytest.mark.parametrize("seed", SEEDS)
def test_garbage_in_the_file_is_told_in_words(tmp_path: Path, seed: int) -> None:
    rng = random.Random(seed)

    made = [kind(rng) for _ in range(OF_A_SEED) for kind in (lines, torn, noise)]

    told = [in_words(tmp_path, data, {}) for data in made]

    assert any(told)


@pytest.mark.parametrize("seed", SEEDS)
def test_garbage_in_a_variable_is_told_in_words(tmp_path: Path, seed: int) -> None:
    rng = random.Random(seed)

    made = [
        {f"HANDRAIL_{rng.choice(VARIABLES)}": rng.choice(VALUES).strip('"')}
        for _ in range(OF_A_SEED)
    ]

    told = [in_words(tmp_path, b"", variables) for variables in made]

    assert any(told)


def test_what_stands_in_the_table_of_a_server_is_not_shown(tmp_path: Path) -> None:
    (tmp_path / "handrail.toml").write_text('[mcp]\nfiles = "canary-1"\n')

    with pytest.raises(HandrailError) as wrong:
        load_settings(tmp_path, {}, {})

    assert "canary-1" not in str(wrong.value)
