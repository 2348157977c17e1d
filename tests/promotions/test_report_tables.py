from promotions.report_tables import Row, Section


def test_a_chart_of_one_point_says_what_it_shows() -> None:
    rows = [
        Row(cells=["2026-06-01", "+1.2", ""]),
        Row(cells=["2026-06-02", "+1.3", ""]),
    ]

    def only(number: int, chart: str = "<svg/>") -> str:
        columns = ["Day", "Lift", "95 %"]
        return Section(
            title="Lift", chart=chart, columns=columns, rows=rows[:number]
        ).only

    assert only(1) == "Day: 2026-06-01 · Lift: +1.2"
    assert only(2) == only(0) == only(1, chart="") == ""
