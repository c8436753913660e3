"""Plays scenarios and prints what differs: `python -m tests.differential --help`.

Not here: the tests (test_differential.py), which do the same and judge it.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from tests.differential.brokers import OTHERS, REFERENCE, started
from tests.differential.comparison import changes, failures
from tests.differential.differences import known, record
from tests.differential.running import all_scenarios, play_on_all
from tests.differential.script import SCENARIOS


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.differential", description=__doc__.splitlines()[0])
    parser.add_argument("words", nargs="*", help="play only scenarios with these words in their names or subjects")
    parser.add_argument("--broker", choices=(REFERENCE, *OTHERS), help="this one only, beside the reference")
    parser.add_argument("--show", action="store_true", help="print what was observed, even where nothing differs")
    parser.add_argument("--record", action="store_true", help="write what differs into known/ (plays all scenarios)")
    options = parser.parse_args()
    names = [name for name in all_scenarios() if options.record or _is_wanted(name, options.words)]
    brokers = list(dict.fromkeys((REFERENCE, *((options.broker,) if options.broker else OTHERS))))
    with tempfile.TemporaryDirectory() as folder, started(brokers, Path(folder)) as places:
        observed = play_on_all(places, names)
    for broker in brokers:
        _report(broker, names, observed[REFERENCE], observed[broker], show=options.show)
        if options.record and broker != REFERENCE:
            found = {name: changes(broker, observed[REFERENCE][name], observed[broker][name]) for name in names}
            subjects = {name: SCENARIOS[name].subject for name in names}
            record(broker, {name: lines for name, lines in found.items() if lines}, subjects)


def _is_wanted(name: str, words: list[str]) -> bool:
    return not words or any(word in name or word == SCENARIOS[name].subject for word in words)


def _report(
    broker: str, names: list[str], reference: dict[str, list[str]], observed: dict[str, list[str]], *, show: bool
) -> None:
    listed = known(broker)
    for name in names:
        found = changes(broker, reference[name], observed[name])
        if broker == REFERENCE:
            found = tuple(failures(observed[name]))
        if show or found != listed.get(name, ()):
            print(f"## {broker}: {name}", *(observed[name] if show else found), sep="\n  ")


if __name__ == "__main__":
    main()
