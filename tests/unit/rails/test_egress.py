"""Only listed addresses are connected to, and none of them leads back inside by a trick."""

import ipaddress

import pytest

from handrail.contract.terms import ToolTerms
from handrail.errors import EgressInvalid, EgressRefused
from handrail.rails.egress import Egress, forbidden

PUBLIC = "93.184.215.14"


def answering(*addresses: str):
    """A resolver that always answers the same."""

    async def resolve(host: str, port: int) -> list[str]:
        return list(addresses)

    return resolve


@pytest.mark.parametrize(
    ("written", "host", "port"),
    [
        ("api.psp.example:443", "api.psp.example", 443),
        ("api.psp.example:443", "API.PSP.example.", 443),
        ("*.psp.example:443", "a.b.psp.example", 443),
        ("[2606:2800:21f::1]:443", "[2606:2800:21f::1]", 443),
    ],
)
async def test_a_listed_address_is_given(written: str, host: str, port: int) -> None:
    assert await Egress.of([written]).addresses(host, port, answering(PUBLIC)) == [PUBLIC]


@pytest.mark.parametrize(
    ("written", "host", "port"),
    [
        ("api.psp.example:443", "api.psp.example", 80),
        ("api.psp.example:443", "psp.example", 443),
        ("api.psp.example:443", "evil.api.psp.example", 443),
        ("*.psp.example:443", "psp.example", 443),
        ("*.psp.example:443", "evilpsp.example", 443),
        ("api.psp.example:443", "api.psp.example.evil.example", 443),
    ],
)
async def test_what_is_on_no_list_is_refused_without_asking_for_its_address(
    written: str, host: str, port: int
) -> None:
    async def never(host: str, port: int) -> list[str]:
        raise AssertionError(host)

    with pytest.raises(EgressRefused, match="on no list"):
        await Egress.of([written]).addresses(host, port, never)


INSIDE = [
    "127.0.0.1",
    "10.0.0.1",
    "172.16.0.1",
    "192.168.1.1",
    "100.64.0.1",
    "0.0.0.0",
    "::1",
    "fd00::1",
    "::ffff:10.0.0.1",
    "2002:0a00:0001::",
    "64:ff9b::a00:1",
    "::",
    "224.0.0.1",
    "240.0.0.1",
    "fec0::1",
    "feff:ffff::1",
    "192.88.99.1",
    "::ffff:192.88.99.1",
    "2002:c058:6301::1",
]
LINK_LOCAL = ["169.254.169.254", "fe80::1", "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe"]


@pytest.mark.parametrize("address", [*INSIDE, *LINK_LOCAL])
async def test_a_listed_name_that_leads_inside_is_refused(address: str) -> None:
    with pytest.raises(EgressRefused):
        await Egress.of(["api.example:443"]).addresses("api.example", 443, answering(address))


async def test_one_address_inside_among_others_spoils_the_name() -> None:
    with pytest.raises(EgressRefused):
        await Egress.of(["api.example:443"]).addresses(
            "api.example", 443, answering(PUBLIC, "10.0.0.1")
        )


@pytest.mark.parametrize("address", LINK_LOCAL)
def test_link_local_is_refused_even_where_private_is_meant(address: str) -> None:
    assert forbidden(ipaddress.ip_address(address), private=True)


def test_a_network_of_a_site_is_private_and_a_relay_is_no_machine_at_all() -> None:
    site, relay = ipaddress.ip_address("fec0::1"), ipaddress.ip_address("192.88.99.1")

    assert forbidden(site, private=True) is None
    assert forbidden(relay, private=True)


async def test_a_private_name_is_reached_where_the_list_says_so() -> None:
    allowed = Egress.of(["private:billing.internal:443"])

    assert await allowed.addresses("billing.internal", 443, answering("10.0.0.1")) == ["10.0.0.1"]


async def test_this_machine_is_reached_by_either_of_its_addresses_where_the_list_says_so() -> None:
    both = answering("127.0.0.1", "::1")

    by_name = await Egress.of(["private:localhost:8000"]).addresses("localhost", 8000, both)
    by_address = await Egress.of(["[::1]:8000"]).addresses("[::1]", 8000, answering("::1"))

    assert by_name == ["127.0.0.1", "::1"]
    assert by_address == ["::1"]
    with pytest.raises(EgressRefused, match="lies in a private network"):
        await Egress.of(["localhost:8000"]).addresses("localhost", 8000, answering("::1"))


@pytest.mark.parametrize("address", ["::", "::2", "::7f00:1", "::a00:1", "240.0.0.1", "ff02::1"])
def test_what_no_machine_has_is_refused_even_where_private_is_meant(address: str) -> None:
    assert forbidden(ipaddress.ip_address(address), private=True)


@pytest.mark.parametrize(
    "written",
    [
        "",
        "host",
        "host:",
        "host:0",
        "host:70000",
        "https://host:443",
        "*:443",
        "169.254.169.254:80",
    ],
)
def test_what_is_no_address_is_refused_in_words(written: str) -> None:
    with pytest.raises(EgressInvalid):
        Egress.of([written])


def test_an_empty_list_allows_nothing() -> None:
    assert not Egress()


@pytest.mark.parametrize(
    ("written", "is_one"),
    [
        ("api.psp.example:443", True),
        ("API.psp.example:443", True),
        ("*.psp.example:443", True),
        ("private:db.inside.example:5432", True),
        ("private:*.inside.example:5432", True),
        ("[2606:2800:21f::1]:443", True),
        ("10.0.0.7:443", True),
        ("api.psp.example", False),
        ("api.psp.example:0", False),
        ("api.psp.example:70000", False),
        ("https://api.psp.example:443", False),
        ("*:443", False),
        ("", False),
    ],
)
def test_a_contract_takes_the_same_entries_as_the_list_that_is_made_of_them(
    written: str, is_one: bool
) -> None:
    try:
        of_list = bool(Egress.of([written]))
    except EgressInvalid:
        of_list = False

    of_contract = ToolTerms(egress=(written,)).problem(frozenset()) is None

    assert (of_contract, of_list) == (is_one, is_one)


@pytest.mark.parametrize("host", ["a" * 64 + ".example.test", ".example.test"])
async def test_a_name_that_no_machine_can_have_has_no_address(host: str) -> None:
    with pytest.raises(OSError, match="no name of a machine"):
        await Egress.of(["*.example.test:443"]).addresses(host, 443)
