"""Tables of what was learnt: models, their training, scores and elasticities.

Tables, not learners: those are in estimators.py. `Score`, `Elasticity` and `Forecast`
are replaced whole by scoring, demand and outlook; others read them through ml.scores
and ml.forecasts. Model files lie beside the database under their checksum, see
registry.py.
"""

# isort: off
# In this order: so does erasure lock the rows of a customer (analytics.privacy).
from ml.models.training import PROPENSITY, UNTRAINED, RANKING, TrainingRun, TrainedModel
from ml.models.scores import Score, Scoring, Shortlist
from ml.models.effects import Elasticity, CampaignResponse, CrossEffect
from ml.models.profiles import CustomerProfile, ProfileBasis
from ml.models.demand import Forecast, DemandShare
from ml.models.content import (
    Source,
    ContentVector,
    ProductContent,
    ContentRun,
    ProductTwin,
)
from ml.models.opinions import Opinion, Surge

# isort: on

__all__ = [
    "PROPENSITY",
    "RANKING",
    "UNTRAINED",
    "CampaignResponse",
    "ContentRun",
    "ContentVector",
    "CrossEffect",
    "CustomerProfile",
    "DemandShare",
    "Elasticity",
    "Forecast",
    "Opinion",
    "ProductContent",
    "ProductTwin",
    "ProfileBasis",
    "Score",
    "Scoring",
    "Shortlist",
    "Source",
    "Surge",
    "TrainedModel",
    "TrainingRun",
]
