"""The documentation is true: what it shows runs, what it names exists, and what exists is named in it.

Not here: reading pages (tests/support/markdown.py), following them (tests/support/walkthrough.py).
"""

from __future__ import annotations

import ast
import inspect
import re
from dataclasses import fields
from pathlib import Path

import click
import pytest

from tests.differential import differences
from tests.support.broker import BrokerUnderTest
from tests.support.cli import url_with_management
from tests.support.markdown import ROOT, code_spans, fences, links, pages, prose, sections, table_rows
from tests.support.walkthrough import (
    COMMANDS_NOT_RUN,
    LANGUAGES_NOT_RUN,
    Walkthrough,
    commands_of,
    needs_broker,
    starts_its_broker,
)
from warren import Warren, WorkerSettings, errors
from warren.broker.faults import Faults
from warren.broker.settings import BrokerConfig
from warren.cli import root
from warren.config import _OPTIONS as URL_OPTIONS
from warren.dashboard.settings import DashboardSettings
from warren.doctor.findings import FindingId, Severity
from warren.observability import events

DOCS = ROOT / "docs"
PAGES = pages()
BRINGS_ITS_BROKER = {
    DOCS / "broker.md",
    DOCS / "index.md",
    *(DOCS / "how-to").glob("*.md"),
    *(DOCS / "concepts").glob("*.md"),
}
# The first two show nothing that another broker could run. How-tos need figures that are never 5 seconds old, as those
# of RabbitMQ are, and concepts need faults on demand. That RabbitMQ does the same is shown in tests/contract.
ON_A_BROKER = [page for page in PAGES if needs_broker(page) and page not in BRINGS_ITS_BROKER]
ALONE = [page for page in PAGES if page not in ON_A_BROKER]


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT))


# -- what is shown runs -------------------------------------------------------------------


@pytest.mark.parametrize("page", ON_A_BROKER, ids=name_of)
def test_every_block_of_a_page_runs(page: Path, broker: BrokerUnderTest, tmp_path: Path) -> None:
    """On RabbitMQ as shown but for `warren broker`; where the page has that, it runs with nothing else as well."""
    given = {"broker": url_with_management(broker), "plain_broker": broker.url}
    if broker.name == "embedded" and starts_its_broker(page):
        given = {}
    with Walkthrough(page, tmp_path, **given) as walkthrough:
        walkthrough.follow()


@pytest.mark.parametrize("page", ALONE, ids=name_of)
def test_every_block_of_a_page_without_a_broker_runs(page: Path, tmp_path: Path) -> None:
    folder = tmp_path / "shop"  # which is in fingerprints
    folder.mkdir()
    with Walkthrough(page, folder) as walkthrough:
        walkthrough.follow()


def test_what_is_not_run_is_needed_somewhere() -> None:
    """An exemption that nothing needs hides the next block that is not run."""
    blocks = [fence for page in PAGES for fence in fences(page)]
    assert set(LANGUAGES_NOT_RUN) <= {fence.language for fence in blocks}
    commands = {command.word for fence in blocks if fence.language == "console" for command in commands_of(fence)}
    assert set(COMMANDS_NOT_RUN) <= commands


def test_every_block_names_its_language() -> None:
    assert not [str(fence) for page in PAGES for fence in fences(page) if not fence.language]


def test_files_shown_are_the_examples_they_are_taken_from() -> None:
    for page in PAGES:
        for fence in fences(page):
            example = ROOT / "examples" / fence.title
            if fence.title and fence.language != "diff" and example.is_file():
                assert fence.text == example.read_text(), f"{fence} is not examples/{fence.title}"


def test_every_file_shown_is_used_by_a_command_or_an_import() -> None:
    for page in PAGES:
        blocks = fences(page)
        used = "\n".join(fence.text for fence in blocks if fence.language == "console" or (fence.language == "python"))
        for fence in blocks:
            if fence.language == "python" and fence.title:
                module = fence.title.removesuffix(".py")
                assert re.search(rf"\b{module}(:app|\.py)|from {module} import", used), f"{fence} is never run"


# -- what is named exists -----------------------------------------------------------------


def slug(heading: str) -> str:
    """The anchor of a heading, as both mkdocs and code hosts make it."""
    text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).replace("`", "")
    return re.sub(r"[\s]+", "-", re.sub(r"[^\w\s-]", "", text.lower()).strip())


def anchors(page: Path) -> set[str]:
    return {slug(line.lstrip("#")) for line in prose(page).splitlines() if line.startswith("#")}


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_lead_to_something_in_this_repository(page: Path) -> None:
    for _, target in links(page):
        assert "://" not in target, f"{target}: the documentation is complete in itself"
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        assert file.exists(), f"{target} leads nowhere"
        assert not anchor or anchor in anchors(file), f"{target}: no such heading"


def test_every_page_is_in_the_navigation() -> None:
    lines = (ROOT / "mkdocs.yml").read_text().splitlines()
    navigation = "\n".join(line for line in lines if not line.lstrip().startswith("#"))
    for page in DOCS.rglob("*.md"):
        assert str(page.relative_to(DOCS)) in navigation, f"{name_of(page)} cannot be found by its readers"


def test_files_that_are_mentioned_exist() -> None:
    """In code spans: `src/warren/worker/settle.py`, `worker/settle.py`, `tests/…`, `docs/…`."""
    folders = "src|tests|docs|examples|bench|worker|transport|contracts|reliability|topology|broker"
    for page in PAGES:
        for span in code_spans(prose(page)):
            if re.fullmatch(rf"({folders})/[\w/.-]+", span):
                places = [ROOT / span, ROOT / "src" / "warren" / span]
                assert any(place.exists() for place in places), f"{name_of(page)} mentions {span}"


def sayings() -> str:
    """Every text the code may say, f-strings without their values, each on a line of its own."""
    trees = (ast.parse(path.read_text()) for path in (ROOT / "src").rglob("*.py"))
    nodes = (node for tree in trees for node in ast.walk(tree))
    said = [node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    return "\0".join(said)


def test_every_line_of_the_troubleshooting_is_one_the_code_says() -> None:
    said = sayings()
    for heading, text in sections(DOCS / "troubleshooting.md", level=2).items():
        for row in table_rows(text):
            for span in code_spans(row[0]) if " " in row[0] and not row[0].startswith("no `") else ():
                parts = [part for part in (each.strip(" ;,:()") for each in span.split("…")) if part]
                missing = [part for part in parts if part not in said]
                assert not missing, f"{heading}: the code never says {missing} of {span!r}"


# -- what exists is documented ------------------------------------------------------------


def first_cells(page: Path, heading: str, *, level: int = 2) -> set[str]:
    """The code in the first column of the tables below a heading."""
    return {span for row in table_rows(sections(page, level=level)[heading]) for span in code_spans(row[0])}


def parameters(function: object) -> set[str]:
    assert callable(function)
    return {name for name in inspect.signature(function).parameters if name not in ("self", "messages")}


SETTINGS = DOCS / "settings.md"


def test_every_argument_of_an_application_is_documented() -> None:
    assert first_cells(SETTINGS, "Application") == parameters(Warren.__init__)


def test_every_argument_of_a_consumer_is_documented() -> None:
    assert first_cells(SETTINGS, "Consumer") == parameters(Warren.consumer) | {"*messages"}


def test_every_worker_setting_is_documented() -> None:
    assert first_cells(SETTINGS, "Worker") == {field.name for field in fields(WorkerSettings)}


def test_every_option_of_a_broker_url_is_documented() -> None:
    assert first_cells(SETTINGS, "Broker URL") == set(URL_OPTIONS)


def test_every_setting_of_the_dashboard_is_documented() -> None:
    shown = first_cells(DOCS / "dashboard.md", "In your service")
    assert shown == {field.name for field in fields(DashboardSettings)}


def test_every_environment_variable_is_documented() -> None:
    used = {
        name for path in (ROOT / "src").rglob("*.py") for name in re.findall(r"\bWARREN_[A-Z_]+\b", path.read_text())
    }
    assert first_cells(SETTINGS, "Environment variables") == used


def test_every_option_of_a_publish_is_documented() -> None:
    from warren.publishing import PublishOptions

    options = set(PublishOptions.__annotations__) | {"timeout"}
    assert first_cells(DOCS / "publishing.md", "Options of a publish") == options


def options(command: click.Command) -> set[str]:
    """The options a user may give to a command or to those below it, by their long names."""
    below = command.commands.values() if isinstance(command, click.Group) else ()
    own = (each for each in command.params if isinstance(each, click.Option) and not each.hidden)
    return {name for each in own for name in each.opts if name.startswith("--")}.union(*map(options, below))


@pytest.mark.parametrize(
    "name",
    [
        "init",
        "run",
        "publish",
        "topology",
        "contracts",
        "signals",
        "top",
        "doctor",
        "inspect",
        "exporter",
        "broker",
        "demo",
    ],
)
def test_every_option_of_a_command_is_documented(name: str) -> None:
    command = root.warren.get_command(click.Context(root.warren), name)
    assert command is not None
    shown = {cell for cell in first_cells(DOCS / "cli.md", f"warren {name}") if cell.startswith("--")}
    assert shown == options(command)


def test_every_command_is_documented() -> None:
    headings = {heading for heading in sections(DOCS / "cli.md", level=2) if heading.startswith("warren ")}
    assert headings == {f"warren {name}" for name in root.warren.list_commands(click.Context(root.warren))}


def test_every_finding_of_doctor_is_documented_under_its_severity() -> None:
    by_severity = {severity: {one.value for one in FindingId if one.severity is severity} for severity in Severity}
    page = DOCS / "doctor.md"
    assert {severity: first_cells(page, severity.value.capitalize(), level=3) for severity in Severity} == by_severity


BROKER = DOCS / "broker.md"


def test_every_setting_of_an_embedded_broker_is_documented() -> None:
    assert first_cells(BROKER, "Settings in process", level=3) == {field.name for field in fields(BrokerConfig)}


def test_every_known_difference_from_rabbitmq_is_documented() -> None:
    """In the words of the table that the differential tests hold the broker to."""
    known = [*differences.RULES, *differences.DIFFERENCES]
    text = " ".join(sections(BROKER, level=2)["How it differs from RabbitMQ"].partition("What frames")[0].split())
    listed = text.split(" - ")[1:]
    assert listed == [each.reason for each in known if each.broker == "embedded"], f"{name_of(BROKER)}: list these"


def test_every_fault_is_documented() -> None:
    asked_for = set(re.findall(r"def ([a-z]\w+)", inspect.getsource(Faults).partition("# -- what sessions ask")[0]))
    assert {span.partition("(")[0] for span in first_cells(BROKER, "Faults", level=3)} == asked_for


def test_every_event_is_documented_with_its_fields() -> None:
    rows = {
        next(iter(code_spans(row[0])), ""): code_spans(" ".join(row)) for row in table_rows(prose(DOCS / "events.md"))
    }
    kinds = {name: getattr(events, name) for name in events.__all__ if name not in ("Event", "EventBus")}
    assert set(rows) - {""} == set(kinds)
    for name, kind in kinds.items():
        missing = {field.name for field in fields(kind)} - rows[name]
        assert not missing, f"docs/events.md does not say what {missing} of {name} are"


def error_tree() -> list[str]:
    """The drawing in the docstring of the errors, without what it says of each."""
    drawing = inspect.getdoc(errors) or ""
    lines = [line for line in drawing.splitlines() if re.search(r"[A-Z]\w+$|[A-Z]\w+  ", line)]
    return [found[0].strip() for line in lines if (found := re.match(r"[ │├└─]*[A-Z]\w+", line))]


def test_every_error_is_documented_in_its_place() -> None:
    tree = error_tree()
    assert len(tree) == len(errors.__all__)
    page = DOCS / "errors.md"
    drawn = next(fence.text for fence in fences(page) if fence.language == "text")
    assert [line.strip() for line in drawn.splitlines()] == tree
    explained = {span for row in table_rows(prose(page)) for span in code_spans(row[0])}
    assert explained >= set(errors.__all__) - {"WarrenError"}


# -- the guarantees -----------------------------------------------------------------------

RULES = {*range(1, 21), *range(23, 30)}
GUARANTEES = DOCS / "guarantees.md"
_RULE_TEST = re.compile(r"test_rule_(?P<number>\d+)_\w+")
BROKER_FIXTURES = {"broker", "private_broker"}


def all_tests() -> dict[str, list[tuple[Path, ast.FunctionDef]]]:
    """Every test function by its name, with the files it is in."""
    found: dict[str, list[tuple[Path, ast.FunctionDef]]] = {}
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                found.setdefault(node.name, []).append((path, node))
    return found


def rule_tests() -> dict[str, tuple[Path, ast.FunctionDef]]:
    """Every test that is named for a rule, with its file."""
    found: dict[str, tuple[Path, ast.FunctionDef]] = {}
    for name, places in all_tests().items():
        if rule := _RULE_TEST.fullmatch(name):
            assert len(rule["number"]) == 2, f"{name}: -k rule_08 would not find it"
            assert len(places) == 1, f"{name} is in {len(places)} files"
            found[name] = places[0]
    return found


def linked_tests() -> dict[str, tuple[int, Path]]:
    """Every test the page links, with the rule it stands under and the file it leads to."""
    found: dict[str, tuple[int, Path]] = {}
    for heading, text in sections(GUARANTEES, level=3).items():
        number = re.match(r"(\d+)\. ", heading)
        for name, target in re.findall(r"\[`(test_\w+)`\]\(([^)]+)\)", text):
            assert number is not None, f"{name} stands under no rule"
            found[name] = (int(number[1]), (DOCS / target).resolve())
    return found


def asks_for_a_broker(path: Path, function: ast.FunctionDef) -> bool:
    """Whether a test has one of the broker fixtures, itself or through fixtures of its file."""
    own = {node.name: node for node in ast.parse(path.read_text()).body if isinstance(node, ast.FunctionDef)}
    asked, seen = [argument.arg for argument in function.args.args], set()
    while asked:
        name = asked.pop()
        if name in BROKER_FIXTURES:
            return True
        if name in own and name not in seen:
            asked.extend(argument.arg for argument in own[name].args.args)
        seen.add(name)
    return False


def test_every_rule_is_written_down_and_has_a_test() -> None:
    headings = {int(found[1]) for each in sections(GUARANTEES, level=3) if (found := re.match(r"(\d+)\. ", each))}
    assert headings == RULES
    assert {rule for name, (rule, _) in linked_tests().items() if _RULE_TEST.fullmatch(name)} == RULES


def test_every_rule_has_a_page_that_explains_it() -> None:
    """Among the concepts, each of which leads to its rules."""
    pages = (DOCS / "concepts").glob("*.md")
    targets = {target for page in pages for _, target in links(page)}
    told = {int(found[1]) for target in targets if (found := re.match(r"\.\./guarantees\.md#(\d+)-", target))}
    assert told == RULES


def test_every_linked_test_exists_where_the_link_leads() -> None:
    existing = all_tests()
    for name, (_, path) in linked_tests().items():
        places = [place for place, _ in existing.get(name, [])]
        assert path in places, f"docs/guarantees.md links {name} in {path.name}; it is in {places or 'no file'}"


def test_every_test_named_for_a_rule_is_linked_under_it() -> None:
    linked = linked_tests()
    for name, (path, _) in rule_tests().items():
        number = _RULE_TEST.fullmatch(name)
        assert number is not None
        assert name in linked, f"{name} of {name_of(path)} is not linked from docs/guarantees.md"
        assert linked[name][0] == int(number["number"]), f"{name} stands under rule {linked[name][0]}"


def test_every_test_named_for_a_rule_runs_on_every_broker_or_needs_none() -> None:
    for name, (path, function) in rule_tests().items():
        is_pure = path.is_relative_to(ROOT / "tests" / "unit")
        assert is_pure or asks_for_a_broker(path, function), f"{name} of {name_of(path)} runs on no broker"


# -- the words ----------------------------------------------------------------------------


def test_no_synonyms_for_the_words_of_the_project() -> None:
    """One word a thing."""
    synonyms = re.compile(
        r"\b(DLQ|DLX|dead queue|parking lot|retry queue|job queue|subscriber service|nack it)\b", re.I
    )
    for page in PAGES:
        found = synonyms.search(re.sub(r"`[^`]*`", "", prose(page)))
        assert not found, f"{name_of(page)} says {found[0]!r}" if found else ""


# -- the walkthrough sees -------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "```python\nassert 1 == 2\n```\n",
        "```console\n$ warren topology show shop:app\n```\n",
        "```console\n$ echo one two\none\n```\n",
        "```console\n$ echo one\none\ntwo\n```\n",
        "```console\n$ true\n$ echo $?\n1\n```\n",
        '```text title="the worker"\nnothing runs\n```\n',
        "```cobol\nDISPLAY 'x'.\n```\n",
        '```python title="x.py"\nx = 1\n```\n```diff title="x.py"\n-x = 2\n+x = 3\n```\n',
        '```console title="another terminal"\n$ python -c "print(1)"\n2\n```\n',
        '```text title="the other terminal"\nnothing runs\n```\n',
    ],
)
def test_a_page_that_is_not_true_is_found(tmp_path: Path, text: str) -> None:
    page = tmp_path / "page.md"
    page.write_text(text)
    (tmp_path / "folder").mkdir()
    with Walkthrough(page, tmp_path / "folder") as walkthrough, pytest.raises((AssertionError, KeyError)):
        walkthrough.follow()


TRUE_PAGE = """
```python title="two.py"
x = 2
```

```python
import pathlib
from two import x

pathlib.Path("seen").write_text(f"{x}\\n")
```

```console
$ cat seen; printf 'three\\nfour\\nfive\\n'; false
2
…
f…e
$ echo $?
1
$ VARIABLE=1 make something
```

```diff title="two.py"
-x = 2
+x = 3
```

```console
$ cat two.py
x = 3
```

```text title="the other terminal"
waiting
waiting
^C
… interrupted
```

## Provoke it

```python title="wait.py"
import signal

print("waiting", flush=True)
print("waiting", flush=True)
try:
    signal.pause()
except KeyboardInterrupt:
    print("it is interrupted")
```

```console title="another terminal"
$ python wait.py
```
"""


def test_a_page_that_is_true_is_followed_to_its_end(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(TRUE_PAGE)
    (tmp_path / "folder").mkdir()
    with Walkthrough(page, tmp_path / "folder") as walkthrough:
        walkthrough.follow()
    assert (tmp_path / "folder" / "seen").read_text() == "2\n"
