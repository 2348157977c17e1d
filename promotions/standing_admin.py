"""Standing rules in the back office: proposed by one operator, approved by another."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from analytics import clock
from analytics.back_office import Acting
from analytics.languages import actor, said, written
from promotions import standing
from promotions.models import StandingRule

COLOURS = {"proposed": "warning", "approved": "success", "retired": "info"}


@admin.register(StandingRule)
class StandingRuleAdmin(Acting):
    """A rule is proposed here, approved by somebody else, and retired."""

    fieldsets = [
        (
            None,
            {
                "fields": ["flag", "campaign", "comment"],
                "description": _(
                    "Once somebody else has approved it, a live strategy that raises "
                    "this flag is ended without asking again."
                ),
            },
        )
    ]
    list_display = ["flag", "pill", "campaign", "by", "decided_by", "why"]
    list_filter = ["state"]
    ordering = ["-proposed_at"]
    list_select_related = ["campaign"]
    actions = ["approve", "retire"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm("promotions.add_standingrule"))

    @admin.display(description=_("proposed by"), ordering="proposed_by")
    def by(self, rule: StandingRule) -> str:
        return actor(rule.proposed_by)

    @admin.display(description=_("comment"))
    def why(self, rule: StandingRule) -> str:
        return written(rule.comment, rule.proposed_by)

    @display(  # type: ignore[untyped-decorator]
        description=_("State"), label=COLOURS, ordering="state"
    )
    def pill(self, rule: StandingRule) -> tuple[str, str]:
        return rule.state, rule.get_state_display()

    def save_model(
        self,
        request: HttpRequest,
        obj: StandingRule,
        form: Any,
        change: bool,  # noqa: FBT001
    ) -> None:
        by = request.user.get_username()
        standing.propose(obj, by=by, at=clock.now())
        messages.info(
            request,
            _("It acts once somebody else has approved it. It is called %s.") % obj.pk,
        )

    @admin.action(description=_("Approve: from now on it ends strategies by itself"))
    def approve(self, request: HttpRequest, rows: QuerySet[StandingRule]) -> None:
        for row in rows:
            try:
                standing.approve(row.pk, by=request.user.get_username(), at=clock.now())
            except standing.REFUSALS as error:
                messages.error(request, said(error.args[0]))

    @admin.action(description=_("Retire: it acts no more"))
    def retire(self, request: HttpRequest, rows: QuerySet[StandingRule]) -> None:
        for row in rows:
            standing.retire(row.pk, by=request.user.get_username(), at=clock.now())
