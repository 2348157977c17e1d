"""The parts of the one statement that sums are made with: who counts, and what for.

Each is a query of a WITH; what they are given is promotions.sums.values. `STRATEGIES`,
`CAMPAIGNS` and `MONTH` are three ways to say who belongs to a subject.
"""

AUDIENCE = """
assigned AS (
    SELECT a.position, a.strategy, a.customer, a.at, a.arm, a.variant, a.segment,
        a.odds, coalesce(c.person, a.customer) AS person,
        CASE WHEN e.offer IS NOT NULL THEN greatest(e.first_shown_at, a.at) END
            AS shown
    FROM analytics_assignment a
    LEFT JOIN analytics_customer c ON c.key = a.customer
    LEFT JOIN analytics_exposure e ON e.offer = a.offer
    WHERE a.at < %(until)s
)"""
# Orders count until `closes`, what goes back of them until `settles`: the same here, a
# WASHOUT apart for a month.
STRATEGIES = """
member AS (
    SELECT a.strategy AS subject, s.currency, a.person, a.customer, a.at, a.position,
        p.ends_at + %(washout)s AS closes, p.ends_at + %(washout)s AS settles, a.shown,
         a.arm, a.variant, a.segment, a.odds
    FROM assigned a JOIN promotions_strategy s ON s.id = a.strategy
    JOIN promotions_campaign p ON p.id = s.campaign_id
    WHERE a.strategy = %(subject)s
)"""
# One strategy's own holdout is treated here: its people may have other offers of the
# campaign. Only who is held out of everything is not.
CAMPAIGNS = """
member AS (
    SELECT p.id AS subject, p.currency, a.person, a.customer, a.at, a.position,
        p.ends_at + %(washout)s AS closes, p.ends_at + %(washout)s AS settles, a.shown,
        CASE a.arm WHEN 'held_out' THEN 'held_out' ELSE 'treatment' END AS arm,
        NULL::text AS variant, a.segment, NULL::date AS odds
    FROM assigned a JOIN promotions_strategy s ON s.id = a.strategy
    JOIN promotions_campaign p ON p.id = s.campaign_id
    WHERE p.id = %(subject)s
)"""
# Everybody who was ever assigned before the month's end, whenever that was.
MONTH = """
member AS (
    SELECT %(subject)s::uuid AS subject, %(currency)s AS currency, a.person, a.customer,
        a.at, a.position, %(closes)s::timestamptz AS closes,
        %(closes)s::timestamptz + %(washout)s AS settles, NULL::timestamptz AS shown,
        CASE a.arm WHEN 'held_out' THEN 'held_out' ELSE 'treatment' END AS arm,
        NULL::text AS variant, '' AS segment, NULL::date AS odds
    FROM assigned a WHERE a.at < %(closes)s
)"""
# Each unit twice: from its assignment on, and (`seen`) from its first showing. Of
# several assignments the log's first gives variant, segment and odds.
UNITS = """
unit AS (
    SELECT subject, person, min(currency) AS currency, min(at) AS since,
        least(max(closes), %(until)s) AS closes,
        least(max(settles), %(until)s) AS settles, min(shown) AS shown,
        CASE WHEN count(DISTINCT customer) > 1 OR count(DISTINCT arm) > 1
            THEN 'crossed' ELSE min(arm) END AS arm,
        coalesce((array_agg(variant ORDER BY position))[1], '') AS variant,
        (array_agg(segment ORDER BY position))[1] AS segment,
        (array_agg(odds ORDER BY position))[1] AS odds
    FROM member GROUP BY subject, person
),
watched AS (
    SELECT *, row_number() OVER () AS u FROM (
        SELECT *, false AS seen, greatest(since, %(opens)s) AS begins FROM unit
        UNION ALL
        SELECT subject, person, currency, shown, closes, settles, shown, arm, variant,
            segment, odds, true, shown
        FROM unit WHERE shown < closes AND arm <> 'crossed'
    ) both_ways
)"""
# Of the units' own people alone: that, and summing cells once, made it six times as
# fast. Lines of an order are read from the log only where named goods came back. What
# goes back is cut at what the order was paid, by a running total; money that goes back
# without goods gives no cost back, unless it is all of it.
OUTCOMES = """
happened AS (
    SELECT o.position, o.at, o.kind, o.number, o.currency, o.skus,
        o.paid::float8 AS paid, o.shelf::float8 AS shelf,
        o.discount::float8 AS discount, o.gift::float8 AS gift,
        (o.cost + o.uncosted * %(cost)s)::float8 AS cost,
        coalesce(c.person, o.customer) AS person
    FROM analytics_outcome o LEFT JOIN analytics_customer c ON c.key = o.customer
    WHERE o.at < %(until)s AND o.at >= (SELECT min(since) FROM unit) - %(before)s
        AND coalesce(c.person, o.customer) IN (SELECT person FROM unit)
),
named AS (
    SELECT b.position, b.at, o.at AS origin, o.person, o.currency,
        o.position AS of, o.paid AS whole,
        coalesce(l.paid, o.paid) AS paid, coalesce(l.shelf, o.shelf) AS shelf,
        o.cost / nullif(o.shelf, 0) AS rate,
        b.paid AS amount, b.skus <> '{}' AS goods
    FROM happened b
    JOIN happened o ON o.number = b.number AND o.person = b.person
        AND o.kind = 'order' AND b.currency IN ('', o.currency)
    LEFT JOIN LATERAL (
        SELECT sum((line->>'paid')::float8) AS paid, sum((line->>'paid')::float8
            + coalesce((line->>'shelf_discount')::float8, 0)
            + coalesce((line->>'coupon_discount')::float8, 0)) AS shelf
        FROM analytics_storedevent e, jsonb_array_elements(e.data->'lines') line
        WHERE e.position = o.position AND line->>'sku' = ANY(b.skus)
    ) l ON b.skus <> '{}'
    WHERE b.kind = 'back'
),
shared AS (
    SELECT *, CASE WHEN amount IS NULL OR paid <= 0 THEN 1
        ELSE least(greatest(amount, 0) / paid, 1) END AS share
    FROM named
),
returned AS (
    SELECT *, sum(share * paid) OVER past AS total,
        CASE WHEN goods OR share = 1 THEN share * shelf ELSE 0 END AS goods_back
    FROM shared WINDOW past AS (PARTITION BY of ORDER BY at, position)
),
outcome AS (
    SELECT person, at, at AS origin, currency, paid AS revenue,
        paid - cost AS profit,
        0::float8 AS discount, 1 AS orders, 0::float8 AS returned, 0 AS refusals
    FROM happened WHERE kind = 'order'
    UNION ALL
    SELECT person, at, origin, currency, -gone,
        -gone + goods_back * rate * gone / nullif(share * paid, 0),
        0, 0, gone, 0
    FROM returned, LATERAL (
        SELECT least(total, whole) - least(total - share * paid, whole) AS gone
    ) really
    WHERE gone > 0
    UNION ALL
    SELECT person, at, at, currency, 0, -cost, discount - gift + cost, 0, 0, 0
    FROM happened WHERE kind = 'redeemed'
    UNION ALL
    SELECT person, min(at), min(at), NULL, 0, 0, 0, 0, 0, 1 FROM happened
    WHERE kind = 'refused' GROUP BY person
)"""
# An order counts by its own day, what goes back by the day it did, if the order
# counted. The first day has the `one` and the weeks before.
DAYS = """
part AS (
    SELECT w.u, (w.begins AT TIME ZONE 'UTC')::date AS day,
        1 AS one, 0 AS revenue, 0 AS profit, 0 AS discount, 0 AS orders, 0 AS returned,
        0 AS refusals, coalesce(sum(o.revenue), 0) AS before_revenue,
        coalesce(sum(o.profit), 0) AS before_profit
    FROM watched w LEFT JOIN outcome o ON o.person = w.person
        AND o.at < w.since AND o.origin >= w.since - %(before)s
        AND o.currency = w.currency
    GROUP BY 1, 2
    UNION ALL
    SELECT w.u, (o.at AT TIME ZONE 'UTC')::date, 0, sum(o.revenue), sum(o.profit),
        sum(o.discount), sum(o.orders), sum(o.returned), sum(o.refusals), 0, 0
    FROM watched w JOIN outcome o ON o.person = w.person
        AND o.origin >= w.begins AND o.at >= w.begins
        AND o.origin < w.closes AND o.at < w.settles
        AND (o.currency = w.currency OR o.currency IS NULL)
    GROUP BY 1, 2
)"""
