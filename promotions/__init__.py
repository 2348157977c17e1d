"""What we offer: a map of the modules, from the operator's word to the measured profit.

What may be promised: rules, rule_reading, term_words, rule_faults, discounts, coins,
conditions, turns, walks, entangled, stacking, phrases, condition_words, former, drafts,
draft_reading, guards, past_guards, depths, scopes.
Carts: shopping, book, candidates, carts, answers, cart_bodies, calls, checkout,
checkout_calls, banners, receipts.
Money and uses, taken and given back: ledger, counters, gifts, holds, reservations,
redemption, order_carts, spending, rollbacks.
Codes: codes, spelling, giving, batches, code_files, code_bodies, code_api, code_admin,
guessing, fraud.
From draft to live to ended: models, campaigns, proposals, authoring, strategy_bodies,
desk, desk_starts, desk_campaigns, desk_faults, forms, terms_forms, form_fields;
approval, guards_now, approving, deciders, versions, decision_rules, histories; admin,
campaign_admin, strategy_admin, strategy_pages, home, inbox, markup, pages;
ahead, calendar_page.
Prices for everybody: price_plans, price_gains, price_families, price_guards,
price_floors, price_rolls, price_lines, price_proposals, price_changes, price_outcomes,
price_pages, prices_page.
How customers answer offers: gathered, experience (what lots taught), elsewhere, habits,
promises, response (what is believed), beliefs, value (what an offer is worth),
audiences, response_pages.
Stock: supply, stock_needs, extra_units, clearances, clearance_changes,
clearance_lessons, clearance_plans, stock_pages, stock_sections, stock_product,
stock_api.
Proposals: strategies, proposable, menus, opportunities, forecasts, together, trials,
pitches, planning, tested; frontier, what_if, what_if_admin; backtest, past_weeks,
past_baskets, backtest_runs, backtest_api, backtest_pages; a quarter's plan: quarters,
quarter_weeks, quarter_best, quarter_curves, quarter_prices, quarter_plans,
quarter_budgets, quarter_proposals, quarter_forms, quarter_tables, quarter_pages;
icalendars, subscriptions.
Who gets what: targeting, drawing, rendering, arms, lots, places, bandit, plans,
constraints, arrivals, weighing; solved by allocation, improving, instances, remainders,
choices, takings, duals, core_lp, fitting, certificates, violations, deciding,
instance_files.
What storefronts read: offers, feedback, api; recommendations, suggesting, because;
offline.
Why: decided, decision_api, people; the support desk: finding, timeline, sentences,
denials, why_not, why_steps, why_known, support_pages.
Data in and out: exports, data_pages, feed_pages; the market: market_pages,
market_product, market_review, market_days.
What it earned: sums, sum_queries, measurement, reports, funnels, programme, missing,
findings, programme_findings, figures, charts, plots; report_answers, report_bodies,
report_api, report_files, report_lines, report_tables, report_pages, report_cards,
report_admin; policies, watched, hindsight, hindsight_api, hindsight_pages.
The service assistant: questions (its doors), question_limits, assistant, conversations;
understanding, lessons, intents, spelt, extracts, typos, help_texts; what it says:
replying, reply_offers, reply_carts, reply_codes, reply_orders, reply_combine,
automatic; rephrasing, faithful; the agents: console_pages, coaching, help_admin.
What is wrong: flags, standing, standing_admin, alerts, order_admin, order_cells.
Telling the shop: webhooks, signatures, deliveries, posting, webhook_api, webhook_admin.
What will sell: demand_pages, fans; counted by ml.outlook.
What is said of goods: opinion_pages; counted by ml.opinions.
In the background: tasks, errands; apps.
"""
