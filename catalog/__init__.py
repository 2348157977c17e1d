"""What we sell: a map of the modules, from the shop's feeds to the market around it.

Doors: api, price_api, review_api, admin, review_admin.
The shop's feeds: feeds, bodies, mirrors, identifiers; as files: intake, intake_runs,
kinds, row_files, order_files.
Prices: models, prices, feed_prices, history, labels, shown_prices, shelves; what they
may become: pricing, price_rules, rulebook.
Stock: levels, stock, demanded, lots; clearing it: markdowns, markdown_luck.
The market comes in: market_feeds, market_bodies, market_calendar, holidays; sources,
source_states, adapters, fetching, unknown.
Competitors: competitor_feeds, competitors, doubtful, positions, price_index, sightings,
episodes; which of ours theirs is: matching, match_shelf, match_reviews,
likeness, nearest, sizes.
What people say: reviews, review_bodies.
In the background: tasks, market_tasks, alerts; apps.
"""
