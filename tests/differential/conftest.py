"""The brokers of the differential tests.

Not here: what is played on them.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.conftest import give_up
from tests.differential.brokers import OTHERS, REFERENCE, started
from tests.differential.script import Place
from tests.services.places import ServiceMissing
from warren.errors import ConfigurationError


@pytest.fixture(scope="session")
def places(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Place]]:
    """All brokers, the reference first, running while tests run."""
    try:
        with started((REFERENCE, *OTHERS), tmp_path_factory.mktemp("brokers")) as running:
            yield running
    except (ServiceMissing, ConfigurationError) as reason:
        give_up(reason)
