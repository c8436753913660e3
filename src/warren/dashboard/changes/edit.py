"""A message's body as somebody may change it in a page: without its secrets, which come back when it is sent. Pure.

Not here: what may be sent (`operations/editing.py`), and the form (`pages/actions.py`).

Each secret is shown as a numbered place, `(hidden 1)`. Where a place still stands in a field that is secret, the secret
comes back, whatever was moved around it; a place that stands anywhere else is refused, or a secret could be moved to
where it is shown.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final, final

from warren.app import Warren
from warren.contracts.lookup import Contracts
from warren.dashboard.letters.masking import Masking
from warren.errors import ConfigurationError
from warren.operations.editing import (
    Problem,
    changed_fields,
    check_editable,
    compacted,
    dumped,
    is_same_json,
    problems_of,
    text_of,
)
from warren.operations.homecoming import target_of_dead_letter
from warren.operations.lease import Held

__all__ = ["Draft", "draft_of"]

LONGEST: Final = 500_000  # characters
_DEEPEST: Final = 100
_PLACE: Final = re.compile(r"\(hidden (?P<number>[1-9][0-9]{0,8})\)")
_ELSEWHERE: Final = "change it with `warren replay --edit`"


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A message that is being changed. `text` is its body as it is shown, `note` what is to be known before.

    `target` is the queue it goes to, whose contracts it must fit; where `contracts` is None it must be JSON.
    """

    queue: str
    key: str
    held: Held = field(repr=False)
    text: str
    target: str
    note: str
    contracts: Contracts | None
    secrets: tuple[Any, ...] = field(repr=False)
    names: frozenset[str]

    def read(self, text: str) -> bytes | tuple[Problem, ...]:
        """Return the body that a text is sent as, or why it cannot be."""
        problems: tuple[Problem, ...]
        whole, problems = self._restored(text)
        problems = problems or problems_of(self.held, whole, self.contracts)
        if problems:
            return problems
        body = compacted(whole)
        if body == compacted_or_same(self.held.body):
            return (Problem("", "the message was not changed; replay it as it is"),)
        return body

    def changed(self, body: bytes) -> tuple[str, ...]:
        """Name the fields that a body changes."""
        return changed_fields(self.held.body, body)

    def _restored(self, text: str) -> tuple[str, tuple[Problem, ...]]:
        """Return the text with its secrets."""
        if not self.secrets:
            return text, ()
        try:
            value = json.loads(text)
            if not is_same_json(json.dumps(value), text):
                return text, (
                    Problem("", "it has a number that cannot be kept to its last digit beside hidden fields"),
                )
            problems: list[Problem] = []
            whole = self._restore(value, "", problems, is_secret=False)
        except (ValueError, RecursionError) as error:
            return text, (Problem("", f"it is not JSON: {error}"),)
        return dumped(whole), tuple(problems)

    def _restore(self, value: Any, path: str, problems: list[Problem], *, is_secret: bool) -> Any:
        match value:
            case dict():
                return {
                    name: self._restore(one, _below(path, name), problems, is_secret=name in self.names)
                    for name, one in value.items()
                }
            case list():
                return [
                    self._restore(one, _below(path, index), problems, is_secret=False)
                    for index, one in enumerate(value)
                ]
            case str() if (number := self._number_of(value)) is not None:
                if is_secret:
                    return self.secrets[number]
                problems.append(Problem(path or "the body", f"{value} can only stand in a field that is hidden"))
        return value

    def _number_of(self, text: str) -> int | None:
        found = _PLACE.fullmatch(text)
        number = -1 if found is None else int(found["number"]) - 1
        return number if 0 <= number < len(self.secrets) else None


def draft_of(queue: str, key: str, held: Held, *, app: Warren | None, masking: Masking) -> Draft:
    """Begin to change a message. Raises `WarrenError` where it cannot be changed in a page, and says what to do."""
    check_editable(held)
    target = target_of_dead_letter(queue, held.properties).queue
    contracts, note = _contracts(app, target)
    names = masking.secret_fields(held.properties.type)
    text, secrets = _concealed(held.body, names)
    if len(text) > LONGEST:
        raise ConfigurationError(f"it has {len(text):,} characters, too many for a page; {_ELSEWHERE}")
    return Draft(
        queue=queue,
        key=key,
        held=held,
        text=text,
        target=target,
        note=note,
        contracts=contracts,
        secrets=secrets,
        names=names,
    )


def compacted_or_same(body: bytes) -> bytes:
    """Return a body as it would be sent had nobody changed it."""
    try:
        return compacted(body.decode())
    except (ValueError, RecursionError):
        return body


def _concealed(body: bytes, names: Iterable[str]) -> tuple[str, tuple[Any, ...]]:
    """Return a body as text without its secrets, and the secrets."""
    text = text_of(body)
    hidden = frozenset(names)
    if not hidden:
        return text, ()
    try:
        value = json.loads(text)
        secrets: list[Any] = []
        shown = _conceal(value, hidden, secrets, _DEEPEST)
        if not secrets:
            return text, ()
        if not is_same_json(json.dumps(value), text):
            raise ConfigurationError(
                f"it has hidden fields, and a number that cannot be kept to its last digit beside them; {_ELSEWHERE}"
            )
    except (ValueError, RecursionError) as error:
        raise ConfigurationError(
            f"its contract has hidden fields, and the body cannot be read to tell where they are; {_ELSEWHERE}"
        ) from error
    return dumped(shown, indent=2) + "\n", tuple(secrets)


def _conceal(value: Any, names: frozenset[str], secrets: list[Any], depth: int) -> Any:
    if depth == 0:
        raise RecursionError("the body is too deep")
    match value:
        case dict():
            shown = {}
            for name, one in value.items():
                if name in names:
                    shown[name] = _place(len(secrets))
                    secrets.append(one)
                else:
                    shown[name] = _conceal(one, names, secrets, depth - 1)
            return shown
        case list():
            return [_conceal(one, names, secrets, depth - 1) for one in value]
        case _:
            return value


def _place(number: int) -> str:
    return f"(hidden {number + 1})"


def _below(path: str, step: object) -> str:
    return f"{path}.{step}" if path else str(step)


def _contracts(app: Warren | None, target: str) -> tuple[Contracts | None, str]:
    if app is None:
        return None, "This dashboard knows no application, so the body is only checked to be JSON."
    for spec in app.consumers:
        if spec.queue.name == target:
            return spec.contracts, ""
    return None, f"Application {app.name} does not consume {target}, so the body is only checked to be JSON."
