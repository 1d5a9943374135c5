"""Where nothing is ever sent: every disguise in which an address inside has been seen."""

from collections.abc import Sequence

import pytest

from service.egress import LOOPBACK, Egress, Refused, Target, Unresolved, look_up

pytestmark = pytest.mark.anyio


def refused(address: str, egress: Egress | None = None) -> str | None:
    try:
        (egress or Egress()).target(address)
    except Refused as why:
        return why.code
    return None


@pytest.mark.parametrize(
    ("address", "target"),
    [
        ("https://ehr.example.org", Target("https", "ehr.example.org", 443, "/")),
        ("https://ehr.example.org:8443/a/b?c=d", Target("https", "ehr.example.org", 8443, "/a/b?c=d")),
        ("https://EHR.Example.org/A", Target("https", "ehr.example.org", 443, "/A")),
        ("https://93.184.216.34/x", Target("https", "93.184.216.34", 443, "/x")),
        ("https://[2606:2800:220:1::1]:443/", Target("https", "2606:2800:220:1::1", 443, "/")),
        ("https://xn--bcher-kva.example/", Target("https", "xn--bcher-kva.example", 443, "/")),
    ],
)
def test_public_addresses(address: str, target: Target) -> None:
    assert Egress().target(address) == target


def test_the_name_that_a_receiver_is_asked_by() -> None:
    named = {
        "https://ehr.example.org": "ehr.example.org",
        "https://ehr.example.org:8443": "ehr.example.org:8443",
        "https://[2606:2800:220:1::1]": "[2606:2800:220:1::1]",
        "https://[2606:2800:220:1::1]:8443": "[2606:2800:220:1::1]:8443",
    }
    assert {address: Egress().target(address).authority for address in named} == named


@pytest.mark.parametrize(
    ("address", "code"),
    [
        ("http://ehr.example.org/", "not-https"),
        ("http://127.0.0.1:9000/", "not-https"),
        ("ftp://ehr.example.org/", "bad-address"),
        ("file:///etc/passwd", "bad-address"),
        ("gopher://ehr.example.org/", "bad-address"),
        ("ehr.example.org", "bad-address"),
        ("https://", "bad-address"),
        ("", "bad-address"),
        ("https:///path", "bad-address"),
        ("https://user@ehr.example.org/", "bad-address"),
        ("https://user:word@ehr.example.org/", "bad-address"),
        ("https://ehr.example.org@127.0.0.1/", "bad-address"),
        ("https://ehr.example.org/#part", "bad-address"),
        ("https://ehr.example.org\\@127.0.0.1/", "bad-address"),
        ("https://ehr.example.org/a b", "bad-address"),
        ("https://ehr.example.org/\r\nX-Y: z", "bad-address"),
        ("https://ehr.example.org:0/", "bad-address"),
        ("https://ehr.example.org:99999/", "bad-address"),
        ("https://ehr.example.org:x/", "bad-address"),
        ("https://bücher.example/", "bad-address"),
        ("https://ehr_1.example.org/", "bad-address"),
        ("https://-ehr.example.org/", "bad-address"),
        ("https://ehr..example.org/", "bad-address"),
        ("https://ehr.example.org./", "bad-address"),
        ("https://database/", "bad-address"),
        (f"https://ehr.example.org/{'x' * 2048}", "bad-address"),
        ("https://ehr.example.org:22/", "port-refused"),
        ("https://ehr.example.org:25/", "port-refused"),
        ("https://ehr.example.org:80/", "port-refused"),
        ("https://ehr.example.org:1023/", "port-refused"),
        ("https://localhost/", "not-public"),
        ("https://127.0.0.1/", "not-public"),
        ("https://[::1]/", "not-public"),
        # 127.0.0.1 as a resolver understands it, too
        ("https://2130706433/", "bad-address"),
        ("https://0x7f000001/", "bad-address"),
        ("https://0x7f.1/", "bad-address"),
        ("https://017700000001/", "bad-address"),
        ("https://0177.0.0.1/", "bad-address"),
        ("https://127.1/", "bad-address"),
        ("https://127.0.0.0x1/", "bad-address"),
    ],
)
def test_forms_that_are_refused(address: str, code: str) -> None:
    assert refused(address) == code


INSIDE = [
    "0.0.0.0", "10.0.0.1", "10.255.255.255", "100.64.0.1", "100.100.100.200", "127.0.0.1", "127.255.255.254",
    "169.254.169.254", "172.16.0.1", "172.31.255.255", "192.0.0.8", "192.0.2.1", "192.88.99.1", "192.168.1.1",
    "198.18.0.1", "198.51.100.1", "203.0.113.1", "224.0.0.1", "239.1.1.1", "240.0.0.1", "255.255.255.255",
    "168.63.129.16",
    "::", "::1", "::ffff:127.0.0.1", "::ffff:93.184.216.34", "::127.0.0.1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::1",
    "100::1", "2001::1", "2001:db8::1", "2002:7f00:1::", "3fff::1", "5f00::1", "fc00::1", "fd00:ec2::254",
    "fe80::1", "fec0::1", "ff02::1", "fe80::1%eth0", "2606:2800:220:1::1%eth0", "no address",
]  # fmt: skip
OUTSIDE = [
    "1.1.1.1", "9.255.255.255", "11.0.0.0", "93.184.216.34", "100.63.255.255", "100.128.0.0", "126.255.255.255",
    "128.0.0.1", "169.253.255.255", "172.15.255.255", "172.32.0.0", "192.167.255.255", "198.20.0.0",
    "223.255.255.255", "2606:2800:220:1::1", "2a00:1450::1", "2001:200::1",
]  # fmt: skip


async def connected(found: Sequence[str], egress: Egress | None = None, host: str = "ehr.example.org") -> list[str]:
    """Return where to connect when a name leads to some addresses; what is refused raises."""

    async def told(host: str, port: int) -> Sequence[str]:
        return found

    guard = Egress((egress or Egress()).loopback, look_up=told)
    return list(await guard.addresses(Target("https", host, 443, "/")))


@pytest.mark.parametrize("address", INSIDE)
async def test_a_name_that_leads_inside(address: str) -> None:
    with pytest.raises(Refused, match="not-public"):
        await connected([address])
    with pytest.raises(Refused, match="not-public"):
        await connected(["93.184.216.34", address])  # one of several is enough


@pytest.mark.parametrize("address", OUTSIDE)
async def test_a_name_that_leads_outside(address: str) -> None:
    assert await connected([address, address]) == [address]


async def test_a_name_that_leads_nowhere() -> None:
    with pytest.raises(Unresolved):
        await connected([])
    for name in ("nobody.invalid", "x" * 64 + ".invalid"):
        with pytest.raises(Unresolved):
            await look_up(name, 443)


async def test_every_look_is_a_new_one() -> None:
    """A name that leads outside when it is given, and inside when it is used, gets no connection."""
    answers = iter([["93.184.216.34"], ["169.254.169.254"]])

    async def turning(host: str, port: int) -> Sequence[str]:
        return next(answers)

    egress = Egress(look_up=turning)
    target = egress.target("https://rebinding.example.org/")
    assert await egress.addresses(target) == ["93.184.216.34"]
    with pytest.raises(Refused, match="not-public"):
        await egress.addresses(target)


async def test_loopback_opens_this_machine_and_nothing_else() -> None:
    demo = Egress(loopback=True)
    for address in (
        "http://127.0.0.1:9000/x",
        "http://[::1]:9000/",
        "https://127.0.0.1:9000/",
        "http://localhost:9000/",
    ):
        assert refused(address, demo) is None
        assert refused(address) is not None
    assert refused("http://ehr.example.org:9000/", demo) == "not-https"
    assert refused("http://10.0.0.1:9000/", demo) == "not-https"
    assert refused("https://169.254.169.254/", demo) == "not-public"
    assert refused("http://127.0.0.1:22/", demo) == "port-refused"
    within = [address for address in INSIDE if address in ("::1",) or address.startswith("127.")]
    assert len(LOOPBACK) == 2
    for address in INSIDE:
        if address in within:
            assert await connected([address], demo) == [address]
        else:
            with pytest.raises(Refused):
                await connected([address], demo)


async def test_names_are_looked_up_for_real() -> None:
    assert set(await look_up("127.0.0.1", 443)) == {"127.0.0.1"}
    for disguise in ("2130706433", "0x7f.1"):  # what a resolver makes of them is why the form is refused
        assert set(await look_up(disguise, 443)) == {"127.0.0.1"}
