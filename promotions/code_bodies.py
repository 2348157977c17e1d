"""What the doors of codes take and answer."""

from typing import Any

from rest_framework import serializers

from analytics.bodies import MomentField, WholeField
from analytics.models import Customer
from promotions import giving
from promotions.calls import Strict
from promotions.models import Code, CodeBatch
from promotions.spelling import LONGEST, LONGEST_PREFIX

MOST_GIVEN = 1000


class GivenSerializer(Strict):
    """A code: of a customer, or everybody's; `most_uses` null: no limit."""

    code = serializers.CharField(max_length=LONGEST)
    customer = serializers.CharField(max_length=200, allow_null=True, default=None)
    most_uses = WholeField(
        min_value=1, max_value=giving.MOST_USES, allow_null=True, default=1
    )
    expires_at = MomentField(allow_null=True, default=None)


class GivenCodesSerializer(Strict):
    """Up to 1,000 codes that somebody chose."""

    codes = serializers.ListField(
        child=GivenSerializer(), min_length=1, max_length=MOST_GIVEN
    )


class CodeSerializer(serializers.Serializer[None]):
    """A code as it stands; `uses` are those redeemed or reserved."""

    id = serializers.UUIDField()
    code = serializers.CharField()
    batch = serializers.UUIDField(allow_null=True)
    customer = serializers.CharField(allow_null=True)
    uses = serializers.IntegerField()
    most_uses = serializers.IntegerField(allow_null=True)
    active = serializers.BooleanField()
    expires_at = serializers.DateTimeField(allow_null=True)


class CodesSerializer(serializers.Serializer[None]):
    """A page of codes; `next` is the cursor of the next one."""

    codes = CodeSerializer(many=True)
    next = serializers.CharField(allow_null=True)


class BatchRequestSerializer(Strict):
    """So many codes; without `length`, the least that cannot be guessed."""

    number = WholeField(min_value=1)
    prefix = serializers.CharField(
        max_length=LONGEST_PREFIX, allow_blank=True, default=""
    )
    length = WholeField(min_value=1, max_value=LONGEST - LONGEST_PREFIX, required=False)
    most_uses = WholeField(
        min_value=1, max_value=giving.MOST_USES, allow_null=True, default=1
    )
    expires_at = MomentField(allow_null=True, default=None)


class BatchSerializer(serializers.Serializer[None]):
    """How far a batch is: `made` of `number`."""

    id = serializers.UUIDField()
    strategy = serializers.UUIDField()
    number = serializers.IntegerField()
    made = serializers.IntegerField()
    state = serializers.ChoiceField(CodeBatch.State.values)
    error = serializers.CharField(allow_blank=True)
    prefix = serializers.CharField(allow_blank=True)
    length = serializers.IntegerField()


class FaultSerializer(serializers.Serializer[None]):
    """A row that was refused; the header is row 1."""

    row = serializers.IntegerField()
    column = serializers.CharField(allow_blank=True)
    reason = serializers.CharField()


class ImportedSerializer(serializers.Serializer[None]):
    """What became of the rows; the first 100 faults."""

    rows = serializers.IntegerField()
    made = serializers.IntegerField()
    known = serializers.IntegerField()
    refused = serializers.IntegerField()
    faults = FaultSerializer(many=True)


def batch_told(row: CodeBatch) -> dict[str, Any]:
    """Return a batch as shops read it."""
    return {
        "id": str(row.id),
        "strategy": str(row.strategy_id),
        "number": row.number,
        "made": row.made,
        "state": str(row.state),
        "error": row.error,
        "prefix": row.prefix,
        "length": row.length,
    }


def codes_told(rows: list[Code]) -> list[dict[str, Any]]:
    """Return codes as shops read them."""
    names = Customer.objects.in_bulk({row.customer for row in rows if row.customer})
    return [
        {
            "id": row.id,
            "code": row.text,
            "batch": row.batch_id,
            "customer": names[row.customer].name if row.customer in names else None,
            "uses": row.uses,
            "most_uses": row.most_uses,
            "active": row.active,
            "expires_at": row.expires_at,
        }
        for row in rows
    ]
