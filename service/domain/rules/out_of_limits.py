"""Out of limits: a member's total is far below that member's own usual level.

Fires:    total z ≤ −2 against the member's own earlier sessions (at least three)
Quiet:    fewer than three earlier scores; a level that is low but usual for that member; a form without a total; a
          third steady score since it opened, no graver than what is known; a total at the form's cut-off or above from
          a member who marked everything full until the session before the last
Severity: info; warning at z ≤ −2.5, critical at z ≤ −3; info alone for a total at the form's cut-off or above after
          nothing but full ones
Clears:   two attended sessions near the level before (one, when it was talked about), or three steady scores
Source:   control charts of one client's alliance ratings find episodes that relate to outcome (Lipner 2022, 73 clients)
Ours:     the limits (at −2 two thirds of single falls of three within-person SDs are seen in simulated families; a
          clinic that wants three quarters sets `z_info` to −1.55 and hears thrice as many false notes), what a first
          mark below full may mean, and the person's spread shrunk toward the form's; every form has a usual spread,
          published or ours, so that no limits of a trial period are needed
Since:    0.1 (version 1)
"""

from dataclasses import dataclass
from statistics import median

from service.domain.clearing import recovered_since
from service.domain.concern import Signal
from service.domain.model import Severity, member_reference
from service.domain.moment import Figure, Moment
from service.domain.rules import NoMemory, Rule
from service.domain.trajectory import CEILING, at_least, at_most, below, is_settled

CODE = "out-of-limits"


@dataclass(frozen=True, slots=True)
class Parameters:
    z_info: float = -2.0
    z_warning: float = -2.5
    z_critical: float = -3.0


def check(moment: Moment, memory: NoMemory, parameters: Parameters) -> tuple[NoMemory, tuple[Signal, ...]]:
    """Return a signal per member whose total is out of limits; over several forms the one furthest out."""
    lowest: dict[str, tuple[float, Figure]] = {}
    for figure in moment.figures("primary"):
        z = figure.fallen_to(parameters.z_info)
        if z is not None and not _stays_good(figure):
            known = lowest.get(figure.rater)
            if known is None or z < known[0]:
                lowest[figure.rater] = (z, figure)
    signals = ((figure, _signal(figure, z, parameters)) for z, figure in lowest.values())
    return memory, tuple(signal for figure, signal in signals if not _is_known(figure, signal, moment))


def _stays_good(figure: Figure) -> bool:
    """Tell whether full marks ended a session ago or more, for a level that is good as well: one welcome is enough."""
    was_full = at_least(median(figure.series.prior), CEILING)
    return was_full and below(figure.series.recent[-1], CEILING) and not figure.is_below_cut


def _signal(figure: Figure, z: float, parameters: Parameters) -> Signal:
    severity, limit = _severity(figure, z, parameters)
    reference = member_reference(figure.rater)
    return Signal(
        subject=(reference,),
        severity=severity,
        values={"series": figure.name, "total": figure.value, "z": z},
        thresholds={"z": limit},
        route="below-full" if figure.is_first_below_full else "default",
        raters=(reference,),
        baseline=figure.baseline,
    )


def _severity(figure: Figure, z: float, parameters: Parameters) -> tuple[Severity, float]:
    """Return how grave a z is, with the limit that it passed."""
    if figure.is_first_below_full:
        return Severity.info, parameters.z_info
    if at_most(z, parameters.z_critical):
        return Severity.critical, parameters.z_critical
    if at_most(z, parameters.z_warning):
        return Severity.warning, parameters.z_warning
    return Severity.info, parameters.z_info


def _is_known(figure: Figure, signal: Signal, moment: Moment) -> bool:
    """Tell whether a concern has said so already and its scores have become steady: else it could never settle."""
    concern = moment.active(CODE, signal.subject)
    if concern is None or concern.signal.series != figure.name or signal.severity.rank > concern.severity.rank:
        return False
    return is_settled((*concern.after, figure.value), figure.sp)


RULE = Rule(
    code=CODE,
    version=1,
    title="Far below their usual level",
    titles={"below-full": "A little below full marks"},
    grade="B, D",
    texts={
        "default": "This member's rating is far below their own usual level. The numbers cannot say why.",
        "below-full": "After nothing but full marks this member has marked a little less. That can be a sign of trust: "
        "welcome it.",
    },
    next_steps=("check-in", "active-listening", "talk-about-alliance"),
    parameters=Parameters(),
    rising=(("z_critical", "z_warning", "z_info"),),
    memory=NoMemory(),
    check=check,
    clear=lambda moment, concern, memory, parameters: recovered_since(moment, concern),
    once_when_discussed=True,
    capped=True,
    unsettles=True,
    settles=True,
)
