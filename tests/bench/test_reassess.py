"""The measure of a reassessment: what it adds up and how it shows it. Nothing is timed."""

import asyncio
import os

import pytest

from bench.reassess import PARTS, Clocks, Seen, _clocked, _table
from service import reassessing


def test_a_run_is_shown_per_rating() -> None:
    cores = os.cpu_count() or 1
    shown = _table({"judged anew": Seen(wall=5.0, workers=4.0 * cores, postgres=0.5 * cores)}, 100_000)
    last = [cell.strip() for cell in shown.splitlines()[-1].split("|")[1:-1]]
    assert last == ["judged anew", "20000", f"{40 * cores}", f"{5 * cores}", "0.90"]


def test_every_part_is_there_to_be_timed() -> None:
    assert [name for name in PARTS if not callable(getattr(reassessing, name, None))] == []


@pytest.mark.parametrize("waits", [False, True])
def test_a_function_with_a_clock_does_what_it_did(waits: bool) -> None:
    clocks = Clocks()

    def plain(number: int) -> int:
        return sum(range(number))

    async def waiting(number: int) -> int:
        return plain(number)

    for _ in range(2):
        if waits:
            assert asyncio.run(_clocked(clocks, "adding", waiting)(300_000)) == sum(range(300_000))
        else:
            assert _clocked(clocks, "adding", plain)(300_000) == sum(range(300_000))
    assert list(clocks.spent) == ["adding"]
    assert clocks.spent["adding"] > 0
