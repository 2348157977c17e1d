"""What a browser sends of a form that nobody has touched."""

from html.parser import HTMLParser


def as_sent(html: str, form: str) -> dict[str, str]:
    """Return the fields of the form with that class as they stand on the page."""
    reader = _Reader(form)
    reader.feed(html)
    return reader.fields


class _Reader(HTMLParser):
    def __init__(self, form: str) -> None:
        super().__init__()
        self.form, self.inside = form, False
        self.fields: dict[str, str] = {}
        self.select = self.area = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.inside = self.form in given.get("class", "").split()
        elif self.inside and tag in ("input", "textarea", "select", "option"):
            getattr(self, f"_{tag}")(given)

    def _input(self, given: dict[str, str]) -> None:
        kind = given.get("type")
        ticked = kind not in ("checkbox", "radio") or "checked" in given
        if "name" in given and ticked and kind not in ("submit", "button"):
            self.fields[given["name"]] = given.get("value", "")

    def _textarea(self, given: dict[str, str]) -> None:
        self.area = given["name"]
        self.fields[self.area] = ""

    def _select(self, given: dict[str, str]) -> None:
        self.select = given.get("name", "")

    def _option(self, given: dict[str, str]) -> None:
        if "selected" in given or self.select not in self.fields:
            self.fields[self.select] = given.get("value", "")

    def handle_data(self, data: str) -> None:
        if self.area:
            self.fields[self.area] += data

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self.inside = False
        elif tag == "textarea":
            # A browser leaves out the line break that follows the tag.
            self.fields[self.area] = self.fields[self.area].removeprefix("\n")
            self.area = ""
        elif tag == "select":
            self.select = ""
