"""What is likely: a map of the modules, from the log's orders to what may be believed.

What is learnt from: lines, purchases, returns, codes, quality, stability, splits.
Who will buy in which category: features, context, rhythm, meanings, wordings; training,
contest, estimators, expansions, evaluation, unfinished; untrained, rates; what a file
holds: artefacts, exports, predictors, effects, reasons; scoring, propensity, scores.
Who is in charge, and whether it holds: models, registry, model_files, provenance,
watch, matured, overview, model_pages, figures, admin.
The next basket: baskets, product_meanings, shelves, neighbours, ranking, rankers,
recommending, shortlists, favourites, diversity, ranked; companions, together; its
challengers: factorisation, implicit_feedback, two_tower, bags, vectors, challengers.
One customer, now: live, own_past, served.
How they are judged: protocols, enough, trials, basket_trials, stranger_trials,
content_trials, market_trials, evaluated, tables.
Customers: profiles, profiling, profile_admin, segments, lifetime, customers, traits.
How they answer offers: lifts, lift_fits, lift_rows, lift_types; the shop's
own campaigns: campaigns, response, redemption; pooling.
Whom an offer changes, from a trial's table: uplift, uplift_baselines, uplift_scores,
uplift_shrunk, uplift_worth, uplift_selection, uplift_report, outcome_models, shrinkage,
qini, trial_tables, trial_checks.
What will sell: outlook, forecasts, forecast_api, forecasters, rolling, panels, weekly,
levels, pooled_quantiles, poisson_effects; what moves it: demand, cross_effects, market,
market_groups.
Listings: listings, content, sentences, indexing, pictures, picturing, tastes, twins;
listing_admin; searching, new_products, search_api.
What is said: sentiment, grams, aspects, judging, opinions, surges, tones.
In the background: tasks, alerts; apps.
"""
