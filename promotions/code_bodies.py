"""What the doors of codes take and answer."""

from rest_framework import serializers

from analytics.bodies import MomentField, WholeField
from promotions import giving
from promotions.calls import Strict
from promotions.models import CodeBatch
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
