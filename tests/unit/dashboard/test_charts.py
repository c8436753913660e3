"""Which points of a queue's history are drawn, and what ECharts is told of them."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from warren.dashboard.charts import CHARTS, Chart, Drawn, Unit, draw, thinned
from warren.dashboard.echart import options
from warren.dashboard.history import QueueHistory, Signal, Spell
from warren.signals.findings import Finding, FindingId, Severity

START = 1_700_000_000.0

POINTS = st.lists(
    st.tuples(st.floats(0, 10_000), st.one_of(st.none(), st.floats(0, 1e9))), unique_by=lambda point: point[0]
).map(sorted)


def chart(key: str) -> Chart:
    return next(one for one in CHARTS if one.key == key)


def history(seconds: int = 100, spells: Sequence[Spell] = (), **series: Sequence[float | None]) -> QueueHistory:
    times = tuple(START + second for second in range(seconds + 1))
    told = {signal: tuple(series.get(signal.name, (None,) * len(times))) for signal in Signal}
    return QueueHistory(times=times, series=told, spells=tuple(spells))


def spell(name: FindingId, began: float, ended: float | None = None, severity: Severity = Severity.WARNING) -> Spell:
    finding = Finding(id=name, severity=severity, queue="q", summary="so it is", evidence=(), next_step="do this")
    return Spell(finding=finding, began=began, ended=ended)


# -- points ---------------------------------------------------------------------------------


@given(POINTS, st.floats(1, 1_000))
def test_thinning_keeps_the_highest_and_the_lowest_in_their_order(
    points: list[tuple[float, float | None]], width: float
) -> None:
    kept = thinned(points, width=width)
    known = [value for _, value in points if value is not None]
    left = [value for _, value in kept if value is not None]
    assert set(kept) <= set(points)
    assert list(kept) == sorted(kept, key=lambda point: point[0])
    assert bool(known) == bool(left)
    if known:
        assert (min(left), max(left)) == (min(known), max(known))


@given(POINTS, st.floats(1, 1_000))
def test_thinning_leaves_two_points_of_a_stretch_at_most(
    points: list[tuple[float, float | None]], width: float
) -> None:
    stretches = [time // width for time, _ in thinned(points, width=width)]
    assert all(stretches.count(one) <= 2 for one in stretches)


def test_a_stretch_in_which_nothing_was_seen_stays_a_gap() -> None:
    assert thinned([(0, 1.0), (10, None), (11, None), (20, 2.0)], width=10) == ((0, 1.0), (10, None), (20, 2.0))


def test_a_chart_has_a_bounded_number_of_points_however_long_the_history() -> None:
    long = history(3_600, READY=[float(second % 97) for second in range(3_601)])
    drawn = draw(chart("depth"), long, span=3_600.0)
    assert len(drawn.lines[0].points) <= 242


def test_a_chart_takes_the_last_part_of_the_history() -> None:
    drawn = draw(chart("dead"), history(1_000, DEAD=[float(one) for one in range(1_001)]), span=300.0)
    line = drawn.lines[0]
    assert (drawn.since, drawn.until) == (START + 700, START + 1_000)
    assert (line.latest, line.least, line.most) == ("1,000", "700", "1,000")


def test_a_young_history_has_an_axis_of_its_own_length_but_of_a_minute_at_least() -> None:
    assert draw(chart("dead"), history(100), span=900.0).since == START
    assert draw(chart("dead"), history(5), span=900.0).since == START + 5 - 60


def test_a_signal_nobody_knows_has_no_line() -> None:
    drawn = draw(chart("lag"), history(2, LAG_WAIT=[None, 1.0, None]), span=60.0)
    assert [(one.line.signal, one.latest, one.most) for one in drawn.lines] == [(Signal.LAG_WAIT, "–", "1 s")]
    assert draw(chart("lag"), history(2), span=60.0).lines == ()


def test_a_history_of_nothing_is_drawn_as_nothing() -> None:
    empty = QueueHistory(times=(), series=dict.fromkeys(Signal, ()), spells=())
    for one in CHARTS:
        assert draw(one, empty, span=60.0).lines == ()


# -- findings ---------------------------------------------------------------------------------


def test_findings_are_marked_in_the_charts_that_they_are_about() -> None:
    there = [spell(FindingId.DEAD_LETTERS_GROWING, START + 10), spell(FindingId.STALLED, START + 20, START + 30)]
    seen = history(100, there)
    assert [one.finding.id for one in draw(chart("dead"), seen, span=60.0).spells] == [FindingId.DEAD_LETTERS_GROWING]
    assert [one.finding.id for one in draw(chart("unacked"), seen, span=100.0).spells] == [FindingId.STALLED]
    assert draw(chart("unacked"), seen, span=60.0).spells == ()  # it was over before


@pytest.mark.parametrize("finding", FindingId)
def test_every_finding_is_marked_somewhere(finding: FindingId) -> None:
    assert any(finding in one.marks for one in CHARTS)


@pytest.mark.parametrize(
    "signal", [one for one in Signal if one not in (Signal.DEPTH, Signal.CONSUMERS, Signal.LAG_DRAIN)]
)
def test_every_signal_is_in_a_chart(signal: Signal) -> None:
    assert any(line.signal is signal for one in CHARTS for line in one.lines)


# -- ECharts ----------------------------------------------------------------------------------


def drawn_dead(*spells: Spell) -> Drawn:
    return draw(chart("dead"), history(100, spells, DEAD=[3.0] * 101), span=60.0)


def test_a_finding_is_a_span_of_time_with_its_name_that_goes_on_to_now() -> None:
    told = options(drawn_dead(spell(FindingId.DEAD_LETTERS_GROWING, START + 50, severity=Severity.CRITICAL)))
    ((began, ended),) = told["series"][-1]["markArea"]["data"]
    assert (began["name"], began["xAxis"], ended["xAxis"]) == (
        "dead letters growing",
        round((START + 50) * 1000),
        round((START + 100) * 1000),
    )
    assert began["itemStyle"]["color"] == "var(--critical)"


def test_a_finding_that_began_before_the_axis_does_begins_with_it() -> None:
    told = options(drawn_dead(spell(FindingId.DEAD_LETTERS_GROWING, START - 500, START + 50)))
    ((began, _),) = told["series"][-1]["markArea"]["data"]
    assert began["xAxis"] == told["xAxis"]["min"]


def test_what_cannot_share_the_axis_is_told_in_figures_and_not_drawn() -> None:
    drawn = draw(chart("unacked"), history(100, UNACKED=[5.0] * 101, UTILISATION=[0.5] * 101), span=60.0)
    assert [(one.line.label, one.latest) for one in drawn.lines] == [("Unacked", "5"), ("Prefetch in use", "50 %")]
    assert [one["name"] for one in options(drawn)["series"]] == ["Unacked", "Findings"]


def test_charts_fill_rows_of_three_and_dead_letters_are_in_the_first() -> None:
    assert len([one for one in CHARTS if not one.is_optional]) % 3 == 0
    assert "dead" in [one.key for one in CHARTS[:3]]


def test_of_marks_close_together_that_have_the_same_name_only_the_first_is_named() -> None:
    close = [spell(FindingId.DEAD_LETTERS_GROWING, START + at, START + at + 5) for at in (42, 50, 64)]
    apart = spell(FindingId.DEAD_LETTERS_GROWING, START + 95)
    areas = options(drawn_dead(*close, apart))["series"][-1]["markArea"]["data"]
    assert [began["label"]["show"] for began, _ in areas] == [True, False, False, True]


def test_names_of_findings_at_the_same_time_are_not_written_over_each_other() -> None:
    found = [spell(FindingId.POISON, START + 60), spell(FindingId.DEAD_LETTERS_GROWING, START + 61)]
    areas = options(drawn_dead(*found, spell(FindingId.POISON, START + 40, START + 45)))["series"][-1]["markArea"]
    assert [began["label"]["offset"][1] for began, _ in areas["data"]] == [0, 14, 0]


def test_there_are_as_many_series_whether_they_are_known_or_not() -> None:
    known = options(draw(chart("lag"), history(100, LAG_P95=[1.0] * 101), span=60.0))
    assert len(known["series"]) == len(options(draw(chart("lag"), history(), span=60.0))["series"]) == 5


def test_what_echarts_is_told_is_json_without_infinity() -> None:
    values = [math.inf if second == 7 else 0.1 for second in range(101)]
    told = options(draw(chart("lag"), history(100, LAG_WAIT=values), span=100.0))
    json.dumps(told, allow_nan=False)
    data = told["series"][3]["data"]
    assert data[7] == [round((START + 7) * 1000), None]
    assert data[6][1] == 0.1


def test_shares_are_drawn_in_per_cent() -> None:
    drawn = draw(chart("redelivery"), history(100, REDELIVERY_RATE=[0.25] * 101), span=60.0)
    assert options(drawn)["series"][0]["data"][0][1] == 25.0
    assert drawn.lines[0].latest == "25 %"


def test_an_axis_of_zeros_has_a_top() -> None:
    nothing = options(draw(chart("dead"), history(100, DEAD=[0.0] * 101), span=60.0))
    assert (nothing["yAxis"]["max"], options(drawn_dead())["yAxis"]["max"]) == (1, None)


def test_an_axis_of_shares_does_not_go_beyond_all_of_them() -> None:
    full = draw(chart("redelivery"), history(100, REDELIVERY_RATE=[0.9] * 101), span=60.0)
    over = draw(chart("redelivery"), history(100, REDELIVERY_RATE=[1.5] * 101), span=60.0)
    assert (options(full)["yAxis"]["max"], options(over)["yAxis"]["max"]) == (100, None)


def test_colours_are_those_of_the_theme() -> None:
    told = json.dumps(options(drawn_dead(spell(FindingId.POISON, START + 60))))
    assert "#" not in told
    assert "rgb" not in told


@pytest.mark.parametrize("unit", Unit)
def test_a_value_that_is_not_known_is_written_as_a_dash(unit: Unit) -> None:
    assert unit.write(None) == "–"
