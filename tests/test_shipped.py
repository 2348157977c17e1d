"""What is run and shipped is what the documents say: make, commands, images."""

import ast
import re
from collections import defaultdict

import yaml
from django.core.management import get_commands, load_command_class

from config import processes
from tests.documents import MARKDOWN, OURS, ROOT, code, section, text


def test_every_environment_variable_is_described() -> None:
    read = re.compile(
        r'env\.\w+\(\s*"([A-Z_]+)"'
        r'|environ(?:\.get\(|\[)"([A-Z_]+)"|"([A-Z_]+_URL)": _'
    )
    names = {
        next(filter(None, match.groups()))
        for app in ("config", "demo/management")
        for path in (ROOT / app).rglob("*.py")
        for match in read.finditer(path.read_text())
    }

    said = set(
        re.findall(r"`([A-Z_]+)`", section(text("docs/operations.md"), "Settings"))
    )
    assert {
        "DEBUG",
        "DATABASE_URL",
        "PROFFER_VAR",
        "PORT",
        "DISCOUNT_ROUNDING",
    } <= names
    assert names - said - {"PATH", "DJANGO_SETTINGS_MODULE"} == set()


def test_every_requirement_has_its_reason() -> None:
    page = section(text("docs/decisions/0008-dependencies.md"), "Decision")
    lines = re.findall(r"^([\w-]+)", text("requirements.txt"), re.M)
    reasons = {
        name
        for cell in re.findall(r"^\| (`.*?) \|", page, re.M)
        for name in re.findall(r"`([\w-]+)`", cell)
    }

    assert set(lines) == reasons


def test_every_make_target_that_is_named_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", text("Makefile"), re.M))

    for page in MARKDOWN:
        spans = re.findall(r"`([^`\n]+)`", page.read_text())
        blocks = re.findall(r"```sh\n(.*?)```", page.read_text(), re.S)
        lines = [*spans, *"".join(blocks).splitlines()]
        for line in lines:
            called = re.match(r"(?:\w+=\S+ )*make (?:\w+=\S+ )*([a-z-]+)", line)
            assert called is None or called[1] in targets, f"{page.name}: {line}"


def test_every_command_and_option_that_is_named_exists() -> None:
    """`manage.py NAME … --option`, in whatever page, over lines that go on."""
    named: dict[str, set[str]] = defaultdict(set)
    for page in MARKDOWN:
        whole = page.read_text().replace("\\\n", " ")
        for name, rest in re.findall(r"manage\.py (\w+)([^`\n]*)", whole):
            named[name] |= set(re.findall(r"--[a-z-]+", rest.partition("#")[0]))

    assert {"approve_strategy", "create_key", "import_history"} <= named.keys()
    for name, options in named.items():
        command = load_command_class(get_commands()[name], name)
        parser = command.create_parser("manage.py", name)
        assert options <= parser._option_string_actions.keys(), name


def test_the_compose_file_has_every_service_and_no_secret() -> None:
    compose = yaml.safe_load(text("docker/compose.yaml"))

    others = {"postgres", "valkey", "migrate"}
    assert compose["services"].keys() == others | processes.commands("", 0).keys()
    assert compose["volumes"].keys() == {"postgres", "valkey", "models"}
    for name in ("POSTGRES_PASSWORD", "SECRET_KEY", "ALLOWED_HOSTS"):
        given = set(re.findall(rf"\$\{{{name}[^}}]*\}}", text("docker/compose.yaml")))
        assert given == {f"${{{name}:?set it in docker/.env}}"}
        assert re.search(rf"^{name}=$", text("docker/.env.example"), re.M), name


def test_the_image_holds_every_app_and_lacks_nothing_it_imports() -> None:
    dockerfile = text("docker/Dockerfile")
    left_out = re.search(r'^ARG LEAVE_OUT="(.*)"$', dockerfile, re.M)

    assert left_out
    packages = {name.replace("-", "_") for name in left_out[1].split("|")}
    for app in (*OURS, "templates"):
        assert f"COPY {app} {app}\n" in dockerfile
        assert f"!{app}\n" in text(".dockerignore")
    for path in code():
        for node in ast.walk(ast.parse(path.read_text())):
            match node:
                case ast.Import(names=names):
                    modules = {alias.name.partition(".")[0] for alias in names}
                case ast.ImportFrom(module=str(module)):
                    modules = {module.partition(".")[0]}
                case _:
                    continue
            assert not modules & packages, path
