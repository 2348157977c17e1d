"""`manage.py approve_strategy ID --by NAME --comment WHY`: the admin's road, by script.

It goes through promotions.approval, so guards refuse here what they refuse there.
"""

from argparse import ArgumentParser
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError

from analytics import clock
from promotions import approval, decision_rules
from promotions.models import Strategy


class Command(BaseCommand):
    help = "Make a proposed strategy live, if its guards hold."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("strategy", type=UUID)
        parser.add_argument("--by", required=True, help="whose decision it is")
        parser.add_argument("--comment", required=True, help="why, for who asks later")

    def handle(
        self, *args: Any, strategy: UUID, by: str, comment: str, **options: Any
    ) -> None:
        try:
            approval.approve(strategy, by=by, comment=comment, at=clock.now())
        except Strategy.DoesNotExist as error:
            raise CommandError(f"There is no strategy {strategy}.") from error
        except decision_rules.REFUSALS as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"{strategy} is live.")
