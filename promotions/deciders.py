"""Who may decide what of a strategy, and which decisions a state leaves open."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from promotions import approval, histories
from promotions.models import Strategy

DECIDES, CHANGES, SEES = (
    f"promotions.{may}_strategy" for may in ("approve", "change", "view")
)


class Decision(NamedTuple):
    """What somebody may do with a strategy, who has one of some permissions."""

    step: Callable[..., None]
    label: Any
    permissions: tuple[str, ...]


DECISIONS = {
    "approve": Decision(approval.approve, _("Approve"), (DECIDES,)),
    "changes": Decision(approval.request_changes, _("Request changes"), (DECIDES,)),
    "reject": Decision(approval.reject, _("Reject"), (DECIDES,)),
    # Whoever wrote it takes it back, without the right to decide.
    "withdraw": Decision(approval.reject, _("Withdraw"), (CHANGES,)),
    "resume": Decision(approval.resume, _("Resume"), (DECIDES,)),
    # To stop giving must never wait for somebody.
    "pause": Decision(approval.pause, _("Pause"), (DECIDES, CHANGES)),
    "end": Decision(approval.end, _("End"), (DECIDES,)),
    "comment": Decision(approval.comment, _("Only comment"), (SEES,)),
}
OPEN: Mapping[str, tuple[str, ...]] = {
    "proposed": ("approve", "changes", "reject", "withdraw"),
    "live": ("pause", "end"),
    "paused": ("resume", "end"),
}


def choices(strategy: Strategy, request: HttpRequest) -> dict[str, Any]:
    """Return what whoever looks may do with a strategy, and what they may not."""
    names = (*OPEN.get(strategy.state, ()), "comment")
    who = request.user.get_username()
    own = "approve" in names and approval.needs_another(strategy, who)
    can = [name for name in names if may(request, name, strategy)]
    return {
        "decisions": [
            (name, DECISIONS[name].label)
            for name in can
            if not (own and name == "approve")
        ],
        "own": own and "approve" in can,
    }


def may(request: HttpRequest, decision: str, strategy: Strategy) -> bool:
    """Say whether whoever asks has the right to it; what is open is not looked at."""
    allowed = any(map(request.user.has_perm, DECISIONS[decision].permissions))
    if decision != "withdraw" or not allowed:
        return allowed
    mine = histories.wrote(strategy, request.user.get_username())
    return mine and not request.user.has_perm(DECIDES)
