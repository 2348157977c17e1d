"""Operators in the back office: users and groups, and who is locked out.

`config.languages.AdminConfig` loads it when all other tables are registered.
"""

from typing import Any

from axes.models import AccessAttempt
from django.contrib import admin, messages
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group, Permission, User
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext, gettext_noop
from django.utils.translation import gettext_lazy as _
from django_otp.plugins.otp_static.models import StaticDevice
from django_otp.plugins.otp_totp.models import TOTPDevice
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from analytics.back_office import Listed
from analytics.languages import reread
from config import second_factor
from config.boxes import MAY, Deeds, Ticks

for table in (TOTPDevice, StaticDevice, User, Group):
    # Devices hold keys and codes, which nobody may read; the others get unfold's look.
    if admin.site.is_registered(table):
        admin.site.unregister(table)


ROLES = {
    *(gettext_noop("Operators"), gettext_noop("Approvers"), gettext_noop("Analysts")),
    *(gettext_noop("Support"), gettext_noop("Engineers"), gettext_noop("Buyers")),
}
"""The groups that migrations make; others are called as whoever made them wished."""
OWN = (  # permissions of ours: messages for `allowed`
    gettext_noop("Can approve, reject and end strategies"),
    gettext_noop("Can export all that is held of a customer"),
    gettext_noop("Can erase a customer for ever"),
    gettext_noop("Can record a customer's word on consent"),
)
CLOSED = ("admin", "contenttypes", "otp_static", "otp_totp", "sessions")
"""Apps without a page: what is allowed of their tables changes nothing."""


def role(group: Group) -> str:
    """Name a group, ours in the operator's language."""
    return gettext(group.name) if group.name in ROLES else group.name


def allowed(permission: Permission) -> str:
    """Say what a permission allows, and of which table."""
    verb = permission.codename.split("_")[0]
    what = MAY.get(verb) if permission.name.startswith("Can ") else None
    return f"{permission.content_type} | {what or reread(permission.name)}"


setattr(Group, "__str__", role)  # noqa: B010
setattr(Permission, "__str__", allowed)  # noqa: B010


class Ticked(Listed):
    """Many of few are ticked: two lists side by side fit no phone and no reader."""

    boxes = Ticks

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """Tell what goes, less the rows that only say who is in which group."""
        shown, counts, needed, protected = super().get_deleted_objects(objs, request)
        between = {
            str(field.remote_field.through._meta.verbose_name_plural)
            for field in self.opts.many_to_many
        }
        counts = {name: n for name, n in counts.items() if name not in between}
        return [one for one in shown if isinstance(one, str)], counts, needed, protected

    def formfield_for_manytomany(
        self, db_field: Any, request: HttpRequest | None = None, **kwargs: Any
    ) -> Any:
        kwargs["widget"] = self.boxes()
        return super().formfield_for_manytomany(db_field, request, **kwargs)


@admin.register(User)
class UserAdmin(DjangoUserAdmin, Ticked):
    """Operators; what they may do, their groups say."""

    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm
    filter_horizontal = ()
    fieldsets = [
        (None, {"fields": ("username", "password")}),
        (_("Person"), {"fields": ("first_name", "last_name", "email")}),
        (_("May"), {"fields": ("is_active", "is_staff", "is_superuser", "groups")}),
        (_("Dates"), {"fields": ("last_login", "date_joined")}),
    ]
    list_display = [
        *("username", "first_name", "last_name", "is_staff", "last_login"),
        "protected",
    ]
    actions = ["take_away"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        factor = second_factor.confirmed(TOTPDevice).values("pk")[:1]
        rows: QuerySet[User] = super().get_queryset(request)
        return rows.annotate(second_factor=factor)

    @admin.display(description=_("Second factor"), boolean=True)
    def protected(self, user: User) -> bool:
        return user.second_factor is not None  # type: ignore[attr-defined]

    def save_model(
        self,
        request: HttpRequest,
        obj: User,
        form: Any,
        change: bool,  # noqa: FBT001
    ) -> None:
        """Who is added here is to sign in here: Django calls that staff."""
        obj.is_staff = obj.is_staff or not change
        super().save_model(request, obj, form, change)

    def has_change_permission(
        self, request: HttpRequest, obj: User | None = None
    ) -> bool:
        """Nobody changes who may more than they do: it would be a way up."""
        above = obj is not None and obj.is_superuser and not request.user.is_superuser
        return super().has_change_permission(request, obj) and not above

    @admin.action(
        description=_("Take the second factor away (lost telephone)"),
        permissions=["change"],
    )
    def take_away(self, request: HttpRequest, chosen: QuerySet[User]) -> None:
        for user in chosen:
            if not self.has_change_permission(request, user):
                messages.error(request, _("You may not change %s.") % user)
                continue
            second_factor.take_away(user, by=request.user)  # type: ignore[arg-type]
            messages.success(request, _("%s signs in without a code.") % user)


@admin.register(Group)
class GroupAdmin(DjangoGroupAdmin, Ticked):
    """What members may do, less what opens nothing in the back office."""

    filter_horizontal = ()
    boxes = Deeds

    def formfield_for_manytomany(
        self, db_field: Any, request: HttpRequest | None = None, **kwargs: Any
    ) -> Any:
        opens = Permission.objects.exclude(content_type__app_label__in=CLOSED)
        kwargs["queryset"] = opens
        return super().formfield_for_manytomany(db_field, request, **kwargs)


@admin.register(AccessAttempt)
class AccessAttemptAdmin(Listed):
    """Wrong passwords of the last quarter of an hour; who is unlocked may try again."""

    list_display = ["username", "ip_address", "failures_since_start", "attempt_time"]
    fields = ["username", "ip_address", "user_agent"]
    fields += ["failures_since_start", "attempt_time"]
    readonly_fields = fields
    search_fields = ["username", "ip_address"]
    ordering = ["-attempt_time"]
    actions = ["unlock"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(
        self, request: HttpRequest, obj: AccessAttempt | None = None
    ) -> bool:
        return False

    @admin.action(description=_("Unlock"), permissions=["delete"])
    def unlock(self, request: HttpRequest, chosen: QuerySet[AccessAttempt]) -> None:
        names = sorted({str(one.username) for one in chosen})
        # All browsers of the name count together, so all are forgotten.
        AccessAttempt.objects.filter(username__in=names).delete()
        messages.success(request, _("%s may try again.") % ", ".join(names))
