"""What a project sets is proved, and every value knows where it comes from."""

import re
from pathlib import Path

import pytest

from handrail.bus.settings import TABLES, Mechanism, Origin, Security, described
from handrail.bus.settings_file import load_settings
from handrail.bus.where import connection_for
from handrail.errors import (
    SettingMisspelt,
    SettingsClash,
    SettingsUnreadable,
    SettingUnknown,
    SettingWrong,
)

GUIDE = Path(__file__).parents[3] / "docs" / "guide" / "configuration.md"

WHOLE = """\
namespace = "shop"
intake = "orders"
partitions = 6
replication = 3
task_deadline_s = 3600
drain_s = 30
fan_out_parts_max = 8

[broker]
bootstrap = "one:9092,two:9092"
security = "SASL_SSL"
sasl_mechanism = "SCRAM-SHA-256"
sasl_username = "ada"
sasl_password_env = "SHOP_PASSWORD"

[scale]
researcher = 3

[documents]
library = "papers"
"""


def in_project(folder: Path, text: str) -> Path:
    (folder / "handrail.toml").write_text(text)
    return folder


def test_without_a_file_everything_has_its_default(tmp_path: Path) -> None:
    settings = load_settings(tmp_path, {}, {})

    assert (settings.namespace, settings.partitions, settings.drain_s) == ("handrail", 12, 120.0)
    assert settings.task_deadline_s == 7 * 24 * 3600
    assert settings.broker.bootstrap is None
    assert {settings.explain(key).origin for key in settings.every_key()} == {Origin.DEFAULT}
    assert settings.origin("namespace") == "default"


def test_every_setting_can_be_written_in_the_file(tmp_path: Path) -> None:
    settings = load_settings(in_project(tmp_path, WHOLE), {}, {"SHOP_PASSWORD": "s3cret"})

    assert (settings.namespace, settings.intake, settings.replication) == ("shop", "orders", 3)
    assert settings.broker.security is Security.SASL_SSL
    assert settings.broker.sasl_mechanism is Mechanism.SCRAM_SHA_256
    assert settings.scale == {"researcher": 3}
    assert settings.documents == {"library": tmp_path / "papers"}
    assert settings.origin("namespace") == "handrail.toml line 1"
    assert settings.origin("broker.bootstrap") == "handrail.toml line 10"
    assert settings.origin("scale.researcher") == "handrail.toml line 17"


def test_a_flag_wins_over_a_variable_and_that_over_the_file(tmp_path: Path) -> None:
    folder = in_project(tmp_path, 'namespace = "file"\npartitions = 3\ndrain_s = 1\n')
    variables = {"HANDRAIL_NAMESPACE": "variable", "HANDRAIL_PARTITIONS": "4"}

    settings = load_settings(folder, {"namespace": "flag"}, variables)

    assert (settings.namespace, settings.partitions, settings.drain_s) == ("flag", 4, 1.0)
    assert settings.origin("namespace") == "flag --namespace"
    assert settings.origin("partitions") == "environment HANDRAIL_PARTITIONS"
    assert settings.origin("drain_s") == "handrail.toml line 3"


def test_scale_and_documents_are_merged_name_by_name(tmp_path: Path) -> None:
    folder = in_project(tmp_path, "[scale]\nwriter = 1\nplanner = 1\n")

    settings = load_settings(
        folder, {"scale.planner": "5"}, {"HANDRAIL_SCALE": "writer=2, reviewer=4"}
    )

    assert settings.scale == {"writer": 2, "reviewer": 4, "planner": 5}
    assert settings.origin("scale.planner") == "flag --scale"
    assert settings.origin("scale.writer") == "environment HANDRAIL_SCALE"


def test_a_variable_that_is_set_to_nothing_is_not_set(tmp_path: Path) -> None:
    settings = load_settings(tmp_path, {}, {"HANDRAIL_BOOTSTRAP": ""})

    assert settings.broker.bootstrap is None


@pytest.mark.parametrize(
    ("text", "place", "key", "cure"),
    [
        ('namespce = "x"', "handrail.toml line 1", "namespce", "write namespace"),
        ('\nbootstrap = "h:1"', "handrail.toml line 2", "bootstrap", "write broker.bootstrap"),
        ("[broker]\nzebra = 1", "handrail.toml line 2", "broker.zebra", "take it out"),
        ("[brocker]\nx = 1", "handrail.toml", "brocker", "write [broker]"),
        ('broker = "h:1"', "handrail.toml line 1", "broker", "write [broker] on a line"),
    ],
)
def test_a_key_that_is_no_setting_is_told_with_its_line_and_what_was_meant(
    tmp_path: Path, text: str, place: str, key: str, cure: str
) -> None:
    with pytest.raises(SettingMisspelt) as told:
        load_settings(in_project(tmp_path, text), {}, {})

    assert told.value.what == f"{place} sets {key}, which is no setting."
    assert cure in told.value.do[0]


@pytest.mark.parametrize(
    ("text", "key", "place"),
    [
        ('namespace = "with space"', "namespace", "handrail.toml line 1"),
        ("partitions = 0", "partitions", "handrail.toml line 1"),
        ('partitions = "many"', "partitions", "handrail.toml line 1"),
        ("drain_s = -1", "drain_s", "handrail.toml line 1"),
        ('[broker]\nbootstrap = "host"', "broker.bootstrap", "handrail.toml line 2"),
        ('[broker]\nsecurity = "sure"', "broker.security", "handrail.toml line 2"),
        ('[scale]\nwriter = "x"', "scale.writer", "handrail.toml line 2"),
        ("scale = 3", "scale", "handrail.toml line 1"),
        ('[documents]\n"a b" = "x"', "documents.a b", "handrail.toml"),
    ],
)
def test_a_value_that_does_not_fit_is_told_with_its_setting_and_its_line(
    tmp_path: Path, text: str, key: str, place: str
) -> None:
    with pytest.raises(SettingWrong) as told:
        load_settings(in_project(tmp_path, text), {}, {})

    assert told.value.facts["key"] == key
    assert str(told.value.facts["where"]).startswith(place)
    assert told.value.why


def test_a_wrong_variable_is_told_by_its_name(tmp_path: Path) -> None:
    with pytest.raises(SettingWrong, match="as HANDRAIL_PARTITIONS says"):
        load_settings(tmp_path, {}, {"HANDRAIL_PARTITIONS": "a dozen"})
    with pytest.raises(SettingWrong, match="as HANDRAIL_SCALE says"):
        load_settings(tmp_path, {}, {"HANDRAIL_SCALE": "three"})


def test_a_flag_that_is_no_setting_is_told(tmp_path: Path) -> None:
    with pytest.raises(SettingUnknown, match="no setting called scales"):
        load_settings(tmp_path, {"scales.x": "1"}, {})


@pytest.mark.parametrize("text", [b"a = ", b"\xff\xfe", b"x = 1\nx = 2"])
def test_a_file_that_is_no_toml_is_told(tmp_path: Path, text: bytes) -> None:
    (tmp_path / "handrail.toml").write_bytes(text)

    with pytest.raises(SettingsUnreadable, match=r"handrail\.toml cannot be read"):
        load_settings(tmp_path, {}, {})


@pytest.mark.parametrize(
    ("broker", "key"),
    [
        ('security = "SASL_SSL"', "broker.sasl_username"),
        ('security = "SASL_SSL"\nsasl_username = "ada"', "broker.sasl_password"),
        ('sasl_username = "ada"', "broker.security"),
        ('security = "SSL"\ntls_ca = "nowhere.pem"', "broker.tls_ca"),
        ('tls_ca = "handrail.toml"', "broker.security"),
        ('security = "SSL"\ntls_key = "handrail.toml"', "broker.tls_cert"),
        ('sasl_password_env = "NOT_SET"', "broker.sasl_password_env"),
    ],
)
def test_settings_that_do_not_fit_together_are_told(tmp_path: Path, broker: str, key: str) -> None:
    with pytest.raises(SettingsClash) as told:
        load_settings(in_project(tmp_path, f"[broker]\n{broker}\n"), {}, {})

    assert told.value.facts["key"] == key
    assert told.value.why


def test_a_certificate_that_cannot_be_read_is_told_when_a_client_is_about_to_use_it(
    tmp_path: Path,
) -> None:
    broker = 'bootstrap = "h:1"\nsecurity = "SSL"\ntls_ca = "handrail.toml"'
    settings = load_settings(in_project(tmp_path, f"[broker]\n{broker}\n"), {}, {})

    with pytest.raises(SettingsClash, match="do not fit together") as told:
        connection_for(settings, "h:1")

    assert told.value.facts["key"] == "broker.tls_ca"


def test_a_client_is_given_what_it_needs_to_connect_and_nothing_for_the_local_broker(
    tmp_path: Path,
) -> None:
    folder = in_project(tmp_path, WHOLE)
    settings = load_settings(folder, {}, {"SHOP_PASSWORD": "s3cret\n"})  # as of a mounted file
    local = load_settings(None, {}, {})

    secured = connection_for(settings, "one:9092")

    assert (secured.security, secured.mechanism) == ("SASL_SSL", "SCRAM-SHA-256")
    assert (secured.username, secured.password) == ("ada", "s3cret")
    assert secured.tls is not None
    assert secured.tls.check_hostname
    assert connection_for(local, "127.0.0.1:1").security == "PLAINTEXT"


def test_a_secret_is_never_shown(tmp_path: Path) -> None:
    variables = {
        "HANDRAIL_BROKER_SECURITY": "SASL_SSL",
        "HANDRAIL_BROKER_SASL_USERNAME": "ada",
        "HANDRAIL_BROKER_SASL_PASSWORD": "s3cret",
    }
    settings = load_settings(tmp_path, {}, variables)

    shown = [repr(settings), *map(str, map(settings.explain, settings.every_key()))]
    shown.append(repr(connection_for(settings, "h:1")))

    assert settings.explain("broker.sasl_password").value == "(set, not shown)"
    assert not [line for line in shown if "s3cret" in line]


def test_explaining_what_is_no_setting_names_those_there_are(tmp_path: Path) -> None:
    with pytest.raises(SettingUnknown) as told:
        load_settings(tmp_path, {}, {}).explain("colour")

    assert "broker.bootstrap" in told.value.why


def test_the_guide_lists_every_setting_with_its_variable_and_default() -> None:
    rows = re.findall(
        r"^\| `([a-z_.]+)` \| (`HANDRAIL_\w+`|–) \| (.*?) \| (.*?) \|$",
        GUIDE.read_text(),
        re.MULTILINE,
    )

    wanted = [
        (
            one.key,
            f"`{one.variable}`" if one.variable else "–",
            f"`{one.default}`" if one.default else "–",
            one.meaning,
        )
        for one in described().values()
    ]

    assert rows == wanted
    assert {key for key, *_ in rows} >= TABLES
