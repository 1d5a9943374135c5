"""The worlds and what goes wrong in them: one line of the table each."""

from dataclasses import dataclass

from bench.detection.inject import SESSIONS, START, Rupture, concealed, courtesy, dip, nothing, ramp, siding
from bench.detection.simulate import TWO, WITHIN, World


@dataclass(frozen=True, slots=True)
class Scenario:
    world: World
    rupture: Rupture

    @property
    def name(self) -> str:
        return self.rupture.name if self.world is FAMILIES else f"{self.rupture.name}, {self.world.name}"


FAMILIES = World("families of four")
COUPLES = World("couples", TWO)
BOTH_RATE = World("families with the therapist's ratings", therapist=True)
DISTRESSED = World("distressed couples", TWO, level=7.0, offsets={"tom": -1.5})
MISSING = World("families with 10 % of ratings missing", missing=0.1)
LATE = World("families with 15 % of ratings late, 10 % doubled", late=0.15, doubled=0.1)
MISSPECIFIED = (
    World("within-person SD 35 % larger", within=WITHIN * 1.35),
    World("within-person SD 35 % smaller", within=WITHIN * 0.65),
    World("heavy tails (t, 3 df)", heavy=True),
    World("persons' own SDs (CV 0.4)", own_spread=0.4),
    World("at the ceiling (mean 38.4 of 40)", level=9.6),
    World("no inertia", inertia=0.0),
    World("inertia 0.5", inertia=0.5),
    World("rising by 0.2 of 40 a session", slope=0.05),
)
WORLDS = (FAMILIES, COUPLES, BOTH_RATE, DISTRESSED, MISSING, LATE, *MISSPECIFIED)

SINGLE = dip("V, 3 SD", 3, 1)
PAIR = dip("U, 3 SD, two sessions", 3, 2)
LASTING = dip("L, 3 SD", 3, None)
SIDING = siding()

SCENARIOS = (
    Scenario(FAMILIES, nothing()),
    Scenario(FAMILIES, dip("V, 1.5 SD", 1.5, 1)),
    Scenario(FAMILIES, dip("V, 2 SD", 2, 1)),
    Scenario(FAMILIES, SINGLE),
    Scenario(FAMILIES, PAIR),
    Scenario(FAMILIES, dip("L, 2 SD", 2, None)),
    Scenario(FAMILIES, LASTING),
    Scenario(FAMILIES, ramp("ramp, 0.6 SD a session from 4", 0.6, 4, SESSIONS, who="ana")),
    Scenario(FAMILIES, SIDING),
    Scenario(
        FAMILIES,
        ramp("split opening", 0.5, 4, SESSIONS, ("kim", -0.5), ("eva", 0.2), ("tom", 0.2), who="ana"),
    ),
    Scenario(FAMILIES, courtesy()),
    Scenario(BOTH_RATE, concealed()),
    Scenario(FAMILIES, dip("L, 2 SD, silent and leaving", 2, None, leaving=0.15)),
    Scenario(COUPLES, ramp("widening", 0.7, 3, START + 2, ("eva", 0.2), who="tom")),
    Scenario(DISTRESSED, dip("V, 3 SD", 3, 1, who="eva")),
    Scenario(MISSING, SINGLE),
    Scenario(LATE, SINGLE),
    *(Scenario(world, SINGLE) for world in MISSPECIFIED),
)
