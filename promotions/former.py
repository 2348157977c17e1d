"""What strategies were once said to be: rows of then keep it, and are read today. Pure.

A guard keeps its pattern (promotions.guards), so a decision is shown as it was taken.
Whoever changes the pattern of a guard, title or reason puts the old one here: that is
what keeps its translation among the messages.
"""

from analytics.wording import Wording

FORMER = (
    Wording(
        "deepest variant %(deepest)s leaves %(left)s of the %(margin)s margin; the "
        "floor is %(floor)s"
    ),
    Wording(
        "it applies to %(touched)s of %(baskets)s past orders; at worst %(worst)s "
        "is given away together with what is live, and %(kept)s margin kept; the "
        "floor is %(floor)s"
    ),
    Wording(
        "its budget is %(budget)s %(currency)s; with what its campaign has left, "
        "%(left)s can be spent"
    ),
    Wording("%(first)s to %(last)s"),
    Wording("%(category)s: %(rate)s %% off to %(last)s %% off"),
    Wording(
        "%(category)s: spend %(spend)s, get %(off)s off to spend %(more)s, get "
        "%(most)s off"
    ),
)
