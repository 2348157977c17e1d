"""What happened: a map of the modules, from what a shop sends to what is counted.

The vocabulary: events, shapes, behaviour, ordering, assortment, decisions, market,
service, opinions; how it is said: wording, languages.
Doors: api, tracking, connect, clock_api, admin, health; at all of them: access, cors,
bodies, problems; back_office.
What comes in, by whatever wire: wires, wire_bodies, native, segment, segment_messages,
ecommerce, order_properties, properties, scalars, sent, salvage; ingestion, inflow,
replays; snippets.
Past orders from files: imports, columns, cells, assembled, buckets, refusals, strays;
files of any kind: opening, sheets, workbooks, json_lines, encodings, table_files,
table_writer.
The log: models, store, log_lock, glances, order_exports, leaving, archive; lookup,
races.
People: identity, links, persons, privacy.
What is counted: projections, folds, deeds, outcomes, rebuilds, reports.
Experiments: assignment, experiments, moments, tails, checks, power, spend_returns,
bandits, off_policy.
Time: clock, agenda.
In the background: tasks, alerts, outward; apps.
"""
