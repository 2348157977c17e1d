"""`python -m config.messages`: find all messages, keep the translations up to date.

It writes `locale/zh_Hans/LC_MESSAGES/django.po`, for people, and `django.mo`, which the
server reads; both are kept in the repository, so that nothing is compiled anywhere
else (decision 31). Messages come from code and templates of ours and of the admin's
theme, which ships no translations, and from lists that rules keep without knowing of
languages. It needs Babel, which is for development alone.
"""

import sys
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

import django
from babel.messages import extract, mofile, pofile
from babel.messages.catalog import Catalog

ROOT = Path(__file__).resolve().parent.parent
PO = ROOT / "locale" / "zh_Hans" / "LC_MESSAGES" / "django.po"
APPS = ("analytics", "catalog", "config", "demo", "ml", "promotions")
MUTE = {"migrations", "bench"}
"""Folders that say nothing to operators."""
KEYWORDS = extract.DEFAULT_KEYWORDS | {
    "gettext_lazy": None,
    "ngettext_lazy": (1, 2),
    "pgettext_lazy": ((1, "c"), 2),
    "Wording": None,
    "gettext_noop": None,
}
NO_DATE = datetime(2026, 1, 1, tzinfo=UTC)
"""In place of now: nothing changes in the file but messages."""
Found = tuple[str | tuple[str, ...], str | None, str]
"""A message, with its plural if it has one; its context; the file that it is from."""


def template() -> Catalog:
    """Return all messages, untranslated."""
    made = _catalog()
    for message, context, place in (*_ours(), *_theme(), *_listed()):
        made.add(message, locations=[(place, 0)], context=context)
    return made


def updated(kept: Catalog) -> Catalog:
    """Return all messages with the translations there are; no guesses, nothing old."""
    made = template()
    for message in made:
        known = kept.get(message.id, message.context) if message.id else None
        if known is not None:
            message.string = known.string
    return made


def read() -> Catalog:
    """Read the translations that are kept."""
    if not PO.exists():
        return _catalog()
    with PO.open("rb") as file:
        return pofile.read_po(file, locale="zh_Hans")


def compiled(catalog: Catalog) -> bytes:
    """Return the file that gettext reads."""
    file = BytesIO()
    mofile.write_mo(file, catalog)
    return file.getvalue()


def written(catalog: Catalog) -> bytes:
    """Return the file that people edit: sorted, so that branches merge."""
    file = BytesIO()
    pofile.write_po(file, catalog, width=88, sort_output=True, include_lineno=False)
    return file.getvalue()


def _catalog() -> Catalog:
    return Catalog(
        locale="zh_Hans",
        project="Proffer",
        version="1",
        copyright_holder="Proffer",
        msgid_bugs_address="",
        creation_date=NO_DATE,
        revision_date=NO_DATE,
        last_translator="Proffer",
        language_team="Proffer",
        fuzzy=False,
    )


def _ours() -> Iterator[Found]:
    for app in APPS:
        files = sorted((ROOT / app).rglob("*"))
        yield from _in_files(one for one in files if not MUTE & set(one.parts))
    yield from _in_files(sorted((ROOT / "templates").rglob("*")))


def _theme() -> Iterator[Found]:
    """Find the theme's messages that Django itself does not know in Chinese."""
    import unfold
    from django.utils import translation

    home = Path(unfold.__path__[0])
    files = sorted(one for one in home.rglob("*") if "contrib" not in one.parts)
    with translation.override("zh-hans"):
        for message, context, place in _in_files(files):
            first = message if isinstance(message, str) else message[0]
            if first and not _djangos(first):
                yield message, context, place


def _djangos(message: str) -> bool:
    return any(message in one for one in _django_catalogs())


def _django_catalogs() -> list[Catalog]:
    """Read the catalogues that Django ships for its parts that are installed."""
    if not _DJANGO:
        home = Path(django.__path__[0])
        for part in ("conf", *(f"contrib/{one}" for one in ("admin", "auth"))):
            file = home / part / "locale" / "zh_Hans" / "LC_MESSAGES" / "django.po"
            with file.open("rb") as opened:
                _DJANGO.append(pofile.read_po(opened))
    return _DJANGO


_DJANGO: list[Catalog] = []


def _in_files(files: Iterable[Path]) -> Iterator[Found]:
    from django.utils.translation import template as templates

    for file in files:
        if file.suffix == ".py":
            method, text = "python", file.read_text()
        elif file.suffix == ".html":
            # What Django makes of a template for gettext; this lexer can read it.
            method, text = "javascript", templates.templatize(file.read_text())
        else:
            continue
        found = extract.extract(method, BytesIO(text.encode()), keywords=KEYWORDS)
        for _line, message, _comments, context in found:
            if message:
                yield message, context, _place(file)


def _place(file: Path) -> str:
    if file.is_relative_to(ROOT) and ".venv" not in file.parts:
        return str(file.relative_to(ROOT))
    return file.name


def _listed() -> Iterator[Found]:
    """Yield what is said of features, tables and columns, which names no gettext."""
    from django.contrib import admin

    from config import languages
    from ml import meanings, product_meanings, reasons, redemption

    for module in (meanings, product_meanings, redemption):
        known = getattr(module, "PRODUCTS", None) or module.FEATURES
        for feature in known.values():
            for text in (feature.level, feature.meaning, feature.rule):
                for said in {text, text.replace(*reasons.SAID_AS)}:
                    yield said, None, f"{module.__name__.replace('.', '/')}.py"
    yield from _spoken()
    for thing, _name, text in languages.names():
        # Permissions name all tables; columns are seen of some.
        if thing is thing.model._meta or thing.model in admin.site._registry:
            yield text, None, f"{thing.model.__module__.replace('.', '/')}.py"


def _spoken() -> Iterator[Found]:
    """Yield what is said to customers of offers and of products."""
    from ml import wordings
    from promotions import because

    for fact in wordings.FACTS:
        for text in filter(None, (fact.words, fact.shopper)):
            yield text, None, "ml/wordings.py"
    for reason in because.REASONS.values():
        yield reason.words, None, "promotions/because.py"


def main() -> None:
    """Write both files."""
    django.setup()
    catalog = updated(read())
    PO.parent.mkdir(parents=True, exist_ok=True)
    PO.write_bytes(written(catalog))
    PO.with_suffix(".mo").write_bytes(compiled(catalog))
    missing = sum(not message.string for message in catalog if message.id)
    sys.stdout.write(f"{len(catalog)} messages, {missing} not translated.\n")


if __name__ == "__main__":
    import os

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    main()
