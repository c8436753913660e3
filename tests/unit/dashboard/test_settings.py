"""What a dashboard is told when it is made, and what is refused at once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from warren.dashboard import DashboardSettings
from warren.errors import ConfigurationError


@pytest.mark.parametrize("told", ["changes.ndjson", Path("changes.ndjson")])
def test_an_audit_log_is_named_as_people_write_paths(told: Path | str) -> None:
    settings = DashboardSettings(audit_log=told)
    assert settings.audit_log == Path("changes.ndjson")
    assert settings == DashboardSettings(audit_log=Path("changes.ndjson"))


@pytest.mark.parametrize("told", ["", b"changes.ndjson", None, 3])
def test_an_audit_log_that_is_no_path_is_refused_where_it_is_written(told: Any) -> None:
    with pytest.raises(ConfigurationError, match="the path of a file"):
        DashboardSettings(audit_log=told)
