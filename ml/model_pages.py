"""The page of models: what is in charge, whether it still holds, and who may change it.

All is read from rows; a running training's part asks for itself every two seconds.
Tasks are sent by name: importing them would load the learning libraries.
"""

from celery import current_app
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _
from kombu.exceptions import OperationalError

from analytics import clock
from analytics.languages import reread, said
from ml import overview, registry
from ml.models import PROPENSITY, RANKING, TrainedModel, TrainingRun

FOLLOWS = {PROPENSITY: "ml.tasks.score", RANKING: "ml.tasks.shortlist"}
"""What is to be done anew, by task, when another model takes charge."""


def models_page(request: HttpRequest) -> HttpResponse:
    """Show all about the models in charge, or do what an operator asks."""
    if not request.user.has_perm("ml.view_trainedmodel"):
        raise PermissionDenied
    if request.method == "POST":
        _act(request)
        return redirect("models")
    context = {
        **admin.site.each_context(request),
        **overview.page(),
        "title": _("Models"),
        "now": clock.now(),
        "wall": clock.wall(),
        "doubts": [reread(said(one)) for one in registry.doubts(at=clock.now())],
        "may_change": request.user.has_perm("ml.change_trainedmodel"),
        "may_train": request.user.has_perm("ml.add_trainingrun"),
    }
    return TemplateResponse(request, "ml/models.html", context)


def _act(request: HttpRequest) -> None:
    """Do what was asked; say what came of it.

    :raises PermissionDenied: it is not this operator's to do.
    """
    do = request.POST.get("do")
    needed = "ml.add_trainingrun" if do == "train" else "ml.change_trainedmodel"
    if not request.user.has_perm(needed):
        raise PermissionDenied
    try:
        if do == "train":
            send(asked(by=request.user.get_username()))
        else:
            _change(request)
    except (registry.NoChampion, registry.NotServable) as reason:
        messages.error(request, said(reason.args[0]))
    except (TrainedModel.DoesNotExist, ValidationError):
        messages.error(request, _("There is no such model any more."))
    except OperationalError:
        messages.error(request, _("The queue does not answer: try again later."))


def _change(request: HttpRequest) -> None:
    """Put another model in charge, and have everybody scored by it."""
    sent, by = request.POST, request.user.get_username()
    comment = sent.get("comment", "").strip()[:2000]
    if not comment:
        messages.error(request, _("Say why, in a sentence or two."))
        return
    if sent.get("do") == "back":
        task = sent.get("task", "")
        model = registry.roll_back(task, at=clock.now(), by=by, comment=comment)
    else:
        model = TrainedModel.objects.get(pk=sent.get("model", ""))
        registry.choose(model, at=clock.now(), by=by, comment=comment)
    # Said before scoring is asked for: should the queue be down, it is in charge all
    # the same.
    messages.success(request, _("%s is in charge now.") % model)
    current_app.send_task(FOLLOWS[model.task])


def asked(*, by: str) -> TrainingRun:
    """Return the training that waits in the queue, or one that waits from now on."""
    run = TrainingRun.objects.filter(state=TrainingRun.State.QUEUED).first()
    return run or TrainingRun.objects.create(requested_by=by)


def send(run: TrainingRun) -> None:
    """Have a worker train; a run that still waits may be sent again.

    :raises kombu.exceptions.OperationalError: the queue does not answer; the run waits.
    """
    current_app.send_task("ml.tasks.retrain", kwargs={"run": str(run.pk)})
