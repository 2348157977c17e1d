"""The small core of an allocation, by HiGHS: as a linear programme, or whole.

The core is the pairs near a change of mind; everything else stays as the prices say. A
limit that the rest already passes is bent at a high price, never refused: the answer is
repaired afterwards. HiGHS is loaded when it is first asked, which only worker processes
and commands do: the web process imports this module, and a test holds HiGHS out of it.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from promotions.instances import Bools, Doubles, Ints
from promotions.remainders import Rest
from promotions.takings import takes


@dataclass(frozen=True, kw_only=True, eq=False)
class Solved:
    """x [pairs], prices [J] (of a linear programme), bound: nothing is worth more."""

    x: Doubles
    prices: Doubles
    bound: float


@dataclass(kw_only=True, eq=False)
class _Rows:
    """The sparse matrix as it grows: (row, column, factor), and each row's most."""

    row: list[Ints]
    column: list[Ints]
    factor: list[Doubles]
    upper: list[Doubles]
    size: int = 0

    def at_most(self, key: Ints, column: Ints, upper: Ints) -> None:
        """Add Σ x ≤ upper[key] for every key whose columns could be more."""
        count = np.bincount(key, minlength=len(upper))
        wanted = count > upper
        place = np.cumsum(wanted) - 1 + self.size
        inside = wanted[key]
        self.row.append(place[key[inside]])
        self.column.append(column[inside])
        self.factor.append(np.ones(int(inside.sum())))
        self.upper.append(np.maximum(upper[wanted], 0).astype(float))
        self.size += int(wanted.sum())


def solve(
    rest: Rest,
    option: Ints,
    who: Ints,
    held: Bools,
    limit: Doubles,
    *,
    whole: bool = False,
    slip: float = 0.0,
    seconds: float = 20.0,
    bend: float = 0.0,
    method: str = "choose",
) -> Solved | None:
    """Choose among the pairs (option, who), where `held` [m, n] is chosen anyhow.

    `limit` [J] is what is left of each limit for these pairs. `bend`: the price at
    which a limit may be passed, 0: never. `whole`: only whole offers (branch and
    bound, to within `slip`). `method`: HiGHS' own name. None: there is no answer, or
    none in time.
    """
    pairs, size = len(option), len(limit)
    rows = _Rows(row=[], column=[], factor=[], upper=[limit.copy()], size=size)
    use = takes(rest, option, who)
    at, row = np.nonzero(use)
    rows.row.append(row)
    rows.column.append(at)
    rows.factor.append(use[at, row])
    columns = np.arange(pairs)
    _laminar(rest, rows, option, who, held, columns)
    worth = rest.value[option, who].astype(np.float64)
    ends = np.ones(pairs)
    covers = _coverage(rest, rows, who, held, columns)
    worth = np.concatenate([worth, np.zeros(covers)])
    ends = np.concatenate([ends, np.ones(covers)])
    if bend:
        rows.row.append(np.arange(size))
        # One more column for each limit, which takes the excess off its row.
        rows.column.append(np.arange(size) + pairs + covers)
        rows.factor.append(-np.ones(size))
        # Priced by an average pair's use: cents, units and customers bend alike.
        typical = np.abs(use).sum(axis=0) / np.maximum((use != 0).sum(axis=0), 1)
        typical[rest.first_share :] = 1.0
        typical[typical == 0] = 1.0
        worth = np.concatenate([worth, -bend / typical])
        ends = np.concatenate([ends, np.full(size, np.inf)])
    return _solved(rows, worth, ends, pairs, size, whole, slip, seconds, method)


def shortfall(rest: Rest, option: Ints, who: Ints, held: Bools) -> Doubles:
    """Return how many customers each share is short of, the fewest in all, [shares]."""
    pairs, size = len(option), len(rest.limit)
    rows = _Rows(row=[], column=[], factor=[], upper=[rest.limit.copy()], size=size)
    columns = np.arange(pairs)
    use = takes(rest, option, who)
    at, row = np.nonzero(use)
    _laminar(rest, rows, option, who, held, columns)
    covers = _coverage(rest, rows, who, held, columns)
    shares = np.arange(rest.first_share, size)
    rows.row += [row, shares]
    rows.column += [at, shares - rest.first_share + pairs + covers]
    rows.factor += [use[at, row], -np.ones(len(shares))]
    worth = np.append(np.zeros(pairs + covers), -np.ones(len(shares)))
    ends = np.append(np.ones(pairs + covers), np.full(len(shares), np.inf))
    solver = _solver(20.0)
    solver.passModel(_model(rows, worth, ends, pairs, whole=False))
    solver.run()
    return np.asarray(solver.getSolution().col_value)[pairs + covers :]


def _laminar(
    rest: Rest, rows: _Rows, option: Ints, who: Ints, held: Bools, columns: Ints
) -> None:
    """Add what a customer may get: in all, of a campaign, of a strategy."""
    n = rest.customers
    room = np.broadcast_to(np.asarray(rest.room, dtype=np.int64), n)
    rows.at_most(who, columns, room - held.sum(axis=0))
    if rest.campaign_room is not None:
        inside = np.zeros(rest.campaign_room.shape, dtype=np.int64)
        for one, campaign in enumerate(rest.campaign):
            inside[campaign] += held[one]
        left = (rest.campaign_room.astype(np.int64) - inside).ravel()
        rows.at_most(rest.campaign[option] * n + who, columns, left)
    strategies = int(rest.strategy.max()) + 1
    # With room for one offer, the first rows allow one variant already.
    if strategies < rest.options and np.max(rest.room) > 1:
        used = np.zeros((strategies, n), dtype=np.int64)
        for one, strategy in enumerate(rest.strategy):
            used[strategy] += held[one]
        key = rest.strategy[option] * n + who
        rows.at_most(key, columns, (1 - used).ravel())


def _coverage(rest: Rest, rows: _Rows, who: Ints, held: Bools, columns: Ints) -> int:
    """Add what counts towards a group's share: a column "has one" for each customer.

    Where a customer can have only one offer, it counts itself. Returns the columns.
    """
    if rest.group is None:
        return 0
    counts = (rest.group >= 0) & ~held.any(axis=0)
    if rest.covered is not None:
        counts &= ~rest.covered
    inside = np.flatnonzero(counts[who])
    if rest.most <= 1:
        rows.row.append(rest.first_share + rest.group[who[inside]])
        rows.column.append(columns[inside])
        rows.factor.append(-np.ones(len(inside)))
        return 0
    people, place = np.unique(who[inside], return_inverse=True)
    new = np.arange(len(people))
    # y − Σ x ≤ 0
    rows.row += [rows.size + new, rows.size + place]
    rows.column += [len(who) + new, columns[inside]]
    rows.factor += [np.ones(len(people)), -np.ones(len(inside))]
    rows.upper.append(np.zeros(len(people)))
    rows.size += len(people)
    rows.row.append(rest.first_share + rest.group[people])
    rows.column.append(len(who) + new)
    rows.factor.append(-np.ones(len(people)))
    return len(people)


def _solved(
    rows: _Rows,
    worth: Doubles,
    ends: Doubles,
    pairs: int,
    size: int,
    whole: bool,  # noqa: FBT001
    slip: float,
    seconds: float,
    method: str,
) -> Solved | None:
    import highspy

    model = _model(rows, worth, ends, pairs, whole)
    solver = _solver(seconds)
    solver.setOptionValue("solver", method)
    solver.setOptionValue("run_crossover", "off" if method == "ipm" else "on")
    # HiGHS stops at the first of the two gaps that it meets: only ours counts.
    solver.setOptionValue("mip_rel_gap", 0.0)
    solver.setOptionValue("mip_abs_gap", slip)
    # A limit that is met to the last cent must not look met when it is not.
    # At its usual ones it called a plan within a budget that was 1e-7 over.
    solver.setOptionValue("mip_feasibility_tolerance", 1e-9)
    solver.setOptionValue("primal_feasibility_tolerance", 1e-9)
    solver.passModel(model)
    solver.run()
    status, info = solver.getModelStatus(), solver.getInfo()
    done = status == highspy.HighsModelStatus.kOptimal
    # 2: feasible. Out of time, whole offers that fit are still of use.
    if not done and not (whole and info.primal_solution_status == 2):
        return None
    answer = solver.getSolution()
    prices = np.zeros(size)
    if not whole:
        # Minimised is −worth, so a limit's price comes with its sign turned.
        prices = np.maximum(-np.asarray(answer.row_dual)[:size], 0.0)
    # Not the value that was found: branch and bound may stop within `slip` of it.
    bound = float(info.mip_dual_bound if whole else info.objective_function_value)
    return Solved(x=np.asarray(answer.col_value)[:pairs], prices=prices, bound=-bound)


def _solver(seconds: float) -> Any:
    import highspy

    solver = highspy.Highs()  # type: ignore[no-untyped-call]
    solver.silent()
    solver.setOptionValue("threads", 1)
    solver.setOptionValue("parallel", "off")
    solver.setOptionValue("time_limit", seconds)
    solver.setOptionValue("random_seed", 1)
    return solver


def _model(
    rows: _Rows,
    worth: Doubles,
    ends: Doubles,
    pairs: int,
    whole: bool,  # noqa: FBT001
) -> Any:
    import highspy

    row, column = np.concatenate(rows.row), np.concatenate(rows.column)
    factor = np.concatenate(rows.factor)
    order = np.argsort(column, kind="stable")
    counts = np.bincount(column, minlength=len(worth))
    model: Any = highspy.HighsLp()
    model.num_col_, model.num_row_ = len(worth), rows.size
    model.col_cost_ = -worth
    model.col_lower_ = np.zeros(len(worth))
    model.col_upper_ = ends
    model.row_lower_ = np.full(rows.size, -highspy.kHighsInf)
    model.row_upper_ = np.concatenate(rows.upper)
    model.a_matrix_.format_ = highspy.MatrixFormat.kColwise
    model.a_matrix_.start_ = np.concatenate([[0], np.cumsum(counts)])
    model.a_matrix_.index_ = row[order]
    model.a_matrix_.value_ = factor[order]
    if whole:
        integer = highspy.HighsVarType.kInteger
        kinds = [integer] * pairs
        # "Has one" needs no branching: where offers are whole, it may be as well.
        kinds += [highspy.HighsVarType.kContinuous] * (len(worth) - pairs)
        model.integrality_ = kinds
    return model
