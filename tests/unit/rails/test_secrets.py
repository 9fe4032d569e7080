"""Where secrets are looked for, and that what a tool says is cleared of them."""

import base64
import json
import traceback
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import pytest

from handrail import Effect, Refused, State, tool
from handrail.contract.cleared import cleared
from handrail.contract.failure import RetryClass
from handrail.rails.secrets import (
    EnvironmentSecrets,
    FolderSecrets,
    SecretStore,
    cleared_end,
    error_without,
    longest_form,
    resolved,
    result_without,
)
from handrail.runtime.secret_store import open_secrets


@tool(effect=Effect.READ, secrets=["secret://{tenant}/psp", "secret://shared/mail-key"])
async def uses() -> int:
    """Use two secrets."""
    return 4711


ENVIRONMENT = {"HANDRAIL_SECRET_ACME__PSP": "first", "HANDRAIL_SECRET_SHARED__MAIL_2DKEY": "second"}


def test_secrets_are_variables_by_the_tenant_of_the_task() -> None:
    found = resolved(uses, "acme", EnvironmentSecrets(ENVIRONMENT))

    assert found == {"psp": "first", "mail-key": "second"}


def test_secrets_are_files_of_a_folder(tmp_path: Path) -> None:
    for name in ("acme/psp", "shared/mail-key"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_text("three\n")

    found = resolved(uses, "acme", FolderSecrets(tmp_path))

    assert found == {"psp": "three", "mail-key": "three"}


@pytest.mark.parametrize("end", ["\n", "\r\n", " \n\n"])
def test_the_white_space_at_the_end_of_a_secret_is_no_part_of_it(tmp_path: Path, end: str) -> None:
    for name in ("acme/psp", "shared/mail-key"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_bytes(f"three{end}".encode())
    variables = {name: f"{value}{end}" for name, value in ENVIRONMENT.items()}

    of_files = resolved(uses, "acme", FolderSecrets(tmp_path))
    of_variables = resolved(uses, "acme", EnvironmentSecrets(variables))

    assert set(of_files.values()) == {"three"}
    assert of_variables == {"psp": "first", "mail-key": "second"}


@pytest.mark.parametrize(
    ("store", "where"),
    [
        (EnvironmentSecrets({}), "the variable HANDRAIL_SECRET_ACME__PSP"),
        (FolderSecrets(Path("/nowhere")), "the file /nowhere/acme/psp"),
    ],
)
def test_one_that_is_missing_is_refused_with_its_place(store: SecretStore, where: str) -> None:
    with pytest.raises(Refused) as refused:
        resolved(uses, "acme", store)

    assert refused.value.state is State.PRECONDITION_FAILED
    assert where in refused.value.remedy


def test_one_that_is_too_short_to_be_found_again_is_not_handed_over() -> None:
    store = EnvironmentSecrets({**ENVIRONMENT, "HANDRAIL_SECRET_ACME__PSP": "471\n"})

    with pytest.raises(Refused, match="fewer than 4 characters") as refused:
        resolved(uses, "acme", store)

    assert refused.value.state is State.PRECONDITION_FAILED
    assert "the variable HANDRAIL_SECRET_ACME__PSP" in refused.value.remedy
    assert "471" not in str(refused.value)


@pytest.mark.parametrize("tenant", ["..", "a/b", "", ".hidden", "x" * 65])
def test_a_tenant_that_is_no_name_leads_nowhere(tenant: str, tmp_path: Path) -> None:
    with pytest.raises(Refused, match="names no secret of tenant"):
        resolved(uses, tenant, FolderSecrets(tmp_path))


def test_the_store_is_the_one_that_the_environment_names(tmp_path: Path) -> None:
    (tmp_path / "vault_of_test.py").write_text(
        "class Vault:\n"
        "    def read(self, tenant, name): return f'{tenant}:{name}'\n"
        "    def place(self, tenant, name): return 'the vault'\n"
    )

    own = open_secrets(tmp_path, {"HANDRAIL_SECRETS": "vault_of_test:Vault"})
    folder = open_secrets(tmp_path, {"HANDRAIL_SECRETS_DIR": str(tmp_path)})

    assert own.read("acme", "psp") == "acme:psp"
    assert isinstance(folder, FolderSecrets)
    with pytest.raises(Refused, match="cannot be opened"):
        open_secrets(tmp_path, {"HANDRAIL_SECRETS": "vault_of_test:Nothing"})


def test_a_result_that_is_nothing_but_a_secret_is_not_kept() -> None:
    with pytest.raises(Refused) as refused:
        result_without(uses, 4711, {"psp": "4711"})

    assert refused.value.state is State.OUTPUT_INVALID
    assert "4711" not in str(refused.value)


@tool(effect=Effect.READ, secrets=["secret://{tenant}/psp"])
async def repeats() -> str:
    """Say what another side has answered."""
    return ""


@pytest.mark.parametrize("secret", ['p"4711', "p\\4711", "p\n4711", "Gr\xfcn#9kq"])
def test_a_result_that_is_json_as_a_text_holds_no_secret(secret: str) -> None:
    result = json.dumps({"password": secret})

    assert result_without(repeats, result, {"psp": secret}) == '{"password": "[secret psp]"}'


def test_a_text_is_cleared_of_every_secret() -> None:
    assert cleared("a one b two", {"x": "a one", "y": "two "}) == "[secret x] b two"


def test_the_longest_secret_is_cleared_first() -> None:
    assert cleared("abcdefgh", {"a": "abcd", "b": "abcdefgh"}) == "[secret b]"


@pytest.mark.parametrize("ahead", ["", "u", "us", "user:"])
@pytest.mark.parametrize("behind", ["", "!", "!!"])
def test_a_secret_is_found_where_it_is_written_in_another_way(ahead: str, behind: str) -> None:
    secret = 'p/w+d "4711"'
    whole = f"{ahead}{secret}{behind}".encode()
    for text in (
        f"?key={quote(secret, safe='')}",
        f"Basic {base64.b64encode(whole).decode()}",
        f"token {base64.urlsafe_b64encode(whole).decode()}",
    ):
        assert "[secret psp]" in cleared(text, {"psp": secret})
    assert cleared("nothing of it", {"psp": secret}) == "nothing of it"


def test_no_two_secrets_have_one_variable() -> None:
    store = EnvironmentSecrets({})
    pairs = [("acme", "eu_psp"), ("acme_eu", "psp"), ("acme-eu", "psp"), ("Acme-eu", "psp")]

    assert len({store.place(*pair) for pair in pairs}) == len(pairs)


def test_an_error_that_is_cleared_is_still_one_of_its_class() -> None:
    class Odd(Exception):
        def __init__(self, one: str, *, two: int) -> None:
            super().__init__(one, two)

    lost = error_without("pay", ConnectionError("no answer to s3cret"), {"psp": "s3cret"})
    odd = error_without("pay", Odd("s3cret", two=2), {"psp": "s3cret"})

    assert isinstance(lost, ConnectionError)
    assert str(lost) == "no answer to [secret psp]"
    assert isinstance(odd, RuntimeError)
    assert "s3cret" not in str(odd)


SECRET = "4f1c-canary-9e2d77"  # in base64 all of it is its own


def kept(said: bytes, bytes_max: int) -> bytes:
    """Give what is kept of a text for `cleared_end`."""
    return said[-bytes_max - longest_form({"psp": SECRET}) :]


@pytest.mark.parametrize("behind", range(len(SECRET) + 2))
@pytest.mark.parametrize("written", [SECRET, base64.b64encode(SECRET.encode()).decode()])
def test_the_end_of_a_text_holds_no_part_of_a_secret_wherever_it_is_cut(
    written: str, behind: int
) -> None:
    said = f"{'-' * 99}{written}{written}{'+' * (40 - behind)}".encode()

    end = cleared_end(kept(said, 40), {"psp": SECRET}, 40)

    assert end.lstrip("[secrt p]") == "+" * (40 - behind)
    assert len(end) <= 40


def test_secrets_that_overlap_where_a_text_is_cut_leave_no_part_of_either() -> None:
    secrets = {"one": "abcdefgh", "two": "efghijkl"}

    assert cleared_end(b"-----abcdefghijkl++++", secrets, 10) == "++++"


@pytest.mark.parametrize("size", range(4, len(SECRET)))
def test_a_text_that_ends_within_a_secret_does_not_end_in_a_part_of_it(size: int) -> None:
    said = f"login for 4f1c- and {SECRET[:size]}".encode()

    end = cleared_end(kept(said, 40), {"psp": SECRET}, 40)

    assert end == "login for 4f1c- and [secret psp]"


def test_the_end_of_a_text_is_given_whole_where_it_holds_no_secret() -> None:
    assert cleared_end(b"nothing of it", {"psp": SECRET}, 40) == "nothing of it"
    assert cleared_end(b"nothing of it", {}, 5) == "of it"


@pytest.mark.parametrize("field", ["title", "detail", "remedy"])
def test_a_refusal_says_a_secret_in_no_field(field: str) -> None:
    secret = "s3cret.."  # a text that ends so loses its dots where a refusal is one line
    words = {"detail": "It was refused.", field: f"no login for {secret}"}
    detail = words.pop("detail")

    told = error_without("pay", Refused(State.CONFLICT, detail, **words), {"psp": secret})

    assert isinstance(told, Refused)
    assert told.state is State.CONFLICT
    assert getattr(told, field) == "no login for [secret psp]"
    assert secret not in f"{vars(told)} {told.args}"


def test_a_refusal_says_a_secret_in_no_cause_either() -> None:
    lost = Refused(State.CONFLICT, "It was refused.", retry=RetryClass.NEVER, retry_after_s=3)
    lost.__cause__ = OSError("no login for s3cret")

    told = error_without("pay", lost, {"psp": "s3cret"})

    assert isinstance(told, Refused)
    assert (told.detail, told.retry, told.retry_after_s) == (lost.detail, lost.retry, 3)
    assert "s3cret" not in "".join(traceback.format_exception(told))


def wide() -> Exception:
    """A group of which Python prints the first fifteen."""
    return ExceptionGroup("no", [ValueError("no"), *[OSError("no")] * 20, OSError("of s3cret")])


def deep() -> Exception:
    """A group in a group, of which Python prints the first ten."""
    error: Exception = OSError("of s3cret")
    for _ in range(20):
        error = ExceptionGroup("no", [error])
    return error


def hidden() -> Exception:
    """An error whose context is not printed."""
    error = OSError("no")
    error.__context__ = ConnectionError("of s3cret")
    error.__suppress_context__ = True
    return error


def refused_within() -> Exception:
    """A refusal, of which not all is printed, in a group."""
    return ExceptionGroup("no", [Refused(State.CONFLICT, "No.", remedy="Say s3cret.")])


def endless() -> Exception:
    """An error that leads to itself."""
    error = OSError("of s3cret")
    error.__cause__ = OSError("no")
    error.__cause__.__context__ = error
    return error


class Unreadable(Exception):
    """An error whose words cannot be read."""

    def __str__(self) -> str:
        """Fail."""
        raise ValueError("s3cret")


def reached(error: BaseException | None) -> list[str]:
    """Give the words of all that an error leads to."""
    if error is None:
        return []
    parts = error.exceptions if isinstance(error, BaseExceptionGroup) else ()
    near = [*parts, error.__cause__, error.__context__]
    return [f"{error!r} {error} {vars(error)}", *[said for one in near for said in reached(one)]]


@pytest.mark.parametrize("made", [wide, deep, hidden, refused_within, endless, Unreadable])
def test_an_error_says_a_secret_in_no_part_that_it_leads_to(made: Callable[[], Exception]) -> None:
    error = made()

    told = error_without("pay", error, {"psp": "s3cret"})

    assert "s3cret" not in " ".join(reached(told))
    assert isinstance(told, type(error) if made is not Unreadable else RuntimeError)


def test_a_wide_group_without_a_secret_is_given_as_it_is() -> None:
    group = ExceptionGroup("no", [OSError("no")] * 150)

    assert error_without("pay", group, {"psp": "s3cret"}) is group


def test_a_refusal_without_a_secret_is_given_as_it_is() -> None:
    refused = Refused(State.CONFLICT, "It was refused.")

    assert error_without("pay", refused, {"psp": "s3cret"}) is refused
