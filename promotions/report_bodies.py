"""What the doors of reports answer; promotions/report_answers.py fills it."""

from rest_framework import serializers

from promotions import missing


class RatioEffectSerializer(serializers.Serializer[None]):
    """A number with its 95 % interval; null, and why, where it is not estimable."""

    value = serializers.FloatField(allow_null=True)
    low = serializers.FloatField(allow_null=True)
    high = serializers.FloatField(allow_null=True)
    p = serializers.FloatField(allow_null=True)
    why = serializers.ChoiceField(list(missing.WHY), allow_null=True)


class MoneyEffectSerializer(RatioEffectSerializer):
    """Money with its 95 % interval; null, and why, where it is not estimable."""

    value = serializers.CharField(allow_null=True)  # type: ignore[assignment]
    low = serializers.CharField(allow_null=True)  # type: ignore[assignment]
    high = serializers.CharField(allow_null=True)  # type: ignore[assignment]


class DiscountReturnSerializer(serializers.Serializer[None]):
    """Margin for each unit of discount (Fieller's interval)."""

    value = serializers.FloatField(allow_null=True)
    low = serializers.FloatField(allow_null=True)
    high = serializers.FloatField(allow_null=True)
    why = serializers.ChoiceField(list(missing.WHY), allow_null=True)


class ReportArmsSerializer(serializers.Serializer[None]):
    """Customers in each arm. `p`: are the sizes as drawn? `crossed`: in both."""

    treatment = serializers.IntegerField()
    control = serializers.IntegerField()
    crossed = serializers.IntegerField()
    p = serializers.FloatField()
    as_drawn = serializers.BooleanField()


class ReportEffectsSerializer(serializers.Serializer[None]):
    """Treatment less control, for each treated customer."""

    revenue = MoneyEffectSerializer()
    margin = MoneyEffectSerializer()
    profit = MoneyEffectSerializer()
    discount = MoneyEffectSerializer()
    orders = RatioEffectSerializer()
    returned = MoneyEffectSerializer()
    refusals = RatioEffectSerializer()


class ReportTotalsSerializer(serializers.Serializer[None]):
    """Of all the treated together."""

    revenue = MoneyEffectSerializer()
    margin = MoneyEffectSerializer()
    profit = MoneyEffectSerializer()


class ReportPartSerializer(serializers.Serializer[None]):
    """A variant, a segment or a week of assignment; intervals are adjusted ones."""

    name = serializers.CharField()
    treatment = serializers.IntegerField()
    control = serializers.IntegerField()
    profit = MoneyEffectSerializer()


class ReportDaySerializer(serializers.Serializer[None]):
    """What was known at the end of a day; `always` holds at every look."""

    day = serializers.DateField()
    treatment = serializers.IntegerField()
    control = serializers.IntegerField()
    profit = MoneyEffectSerializer()
    always = MoneyEffectSerializer()


class ReportSlicesSerializer(serializers.Serializer[None]):
    """Exploratory: they may show what to test next, and prove nothing."""

    segments = ReportPartSerializer(many=True)
    weeks = ReportPartSerializer(many=True)


class ReportVariantsSerializer(serializers.Serializer[None]):
    """By variant; comparable with each other only as far as they are given by lot."""

    by_lot = serializers.FloatField()
    variants = ReportPartSerializer(many=True)


class ReportShownSerializer(serializers.Serializer[None]):
    """From the first showing on, for each treated customer who saw it."""

    treatment = serializers.IntegerField()
    control = serializers.IntegerField()
    share = serializers.FloatField()
    p = serializers.FloatField()
    as_drawn = serializers.BooleanField()
    profit = MoneyEffectSerializer()


class ReportWashoutSerializer(serializers.Serializer[None]):
    """Profit as known at the campaign's end, and four weeks later."""

    at_end = MoneyEffectSerializer()
    after = MoneyEffectSerializer()


class ResultSerializer(serializers.Serializer[None]):
    """What arms came to.

    `profit` is for each treated customer, and supposes one look, at an end fixed
    before; `always` holds at every look. `chance`: that it is above zero.
    """

    arms = ReportArmsSerializer()
    profit = MoneyEffectSerializer()
    always = MoneyEffectSerializer()
    chance = serializers.FloatField(allow_null=True)
    totals = ReportTotalsSerializer()
    return_on_discount = DiscountReturnSerializer()


class ReportSerializer(ResultSerializer):
    """A result with what explains it; `through` is the last day (UTC) that is in it."""

    currency = serializers.CharField()
    through = serializers.DateField(allow_null=True)
    effects = ReportEffectsSerializer()
    lift = RatioEffectSerializer()
    washout = ReportWashoutSerializer()
    days = ReportDaySerializer(many=True)
    slices = ReportSlicesSerializer()
    shown = ReportShownSerializer()


class ReportFunnelSerializer(serializers.Serializer[None]):
    """How far the treated came. Offers served are not known: GET records nothing."""

    assigned = serializers.IntegerField()
    shown = serializers.IntegerField()
    redeemed = serializers.IntegerField()
    rolled_back = serializers.IntegerField()
    given = serializers.CharField()


class ReportLineSerializer(ResultSerializer):
    """One strategy among others, as it was last summed up."""

    strategy = serializers.UUIDField()
    campaign = serializers.UUIDField()
    title = serializers.CharField()
    state = serializers.CharField()
    currency = serializers.CharField()
    until = serializers.DateTimeField(allow_null=True)
    promised = serializers.CharField(allow_null=True)


class StrategyReportsSerializer(serializers.Serializer[None]):
    """A page of measured strategies, the newest first; `next` is null on the last."""

    strategies = ReportLineSerializer(many=True)
    next = serializers.CharField(allow_null=True)


class StrategyReportSerializer(ReportSerializer):
    """A strategy against its own holdout."""

    strategy = serializers.UUIDField()
    title = serializers.CharField()
    variants = ReportVariantsSerializer()
    funnel = ReportFunnelSerializer()
    promised = serializers.CharField(allow_null=True)


class CampaignReportSerializer(ReportSerializer):
    """A campaign against who is held out of everything."""

    campaign = serializers.UUIDField()
    name = serializers.CharField()
    strategies = ReportLineSerializer(many=True)


class ReportMonthSerializer(ResultSerializer):
    """The programme in one month (UTC); `whole` when it and its returns are over."""

    month = serializers.CharField()
    whole = serializers.BooleanField()


class ReportMonthsSerializer(serializers.Serializer[None]):
    """Months added up, their errors too: the same people are held out in all.

    Left out are months that are not estimable, or whose arms are not as drawn.
    """

    months = serializers.IntegerField()
    left_out = serializers.IntegerField()
    total = MoneyEffectSerializer()


class ReportKeptSerializer(serializers.Serializer[None]):
    """Promised and measured profit of the listed strategies where both are known."""

    strategies = serializers.IntegerField()
    promised = serializers.CharField()
    measured = MoneyEffectSerializer()


class ProgrammeReportSerializer(serializers.Serializer[None]):
    """Everybody against who is held out of everything."""

    currency = serializers.CharField()
    months = ReportMonthSerializer(many=True)
    all_months = ReportMonthsSerializer()
    kept = ReportKeptSerializer()
    strategies = ReportLineSerializer(many=True)
