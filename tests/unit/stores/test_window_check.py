"""The start-up check of rule 19: a window that ends before the last retry.

Not here: who calls it (`worker/`).
"""

from __future__ import annotations

import pytest

from warren.errors import ConfigurationError
from warren.reliability.idempotency import check_window


def test_a_window_as_long_as_the_retries_is_fine() -> None:
    check_window(3_600.0, 3_600.0)
    check_window(86_400.0, 71.0)


def test_a_window_shorter_than_the_retries_is_refused_with_both_durations() -> None:
    with pytest.raises(ConfigurationError, match=r"kept for 1m, but .* retried for 2h.*at least 2h"):
        check_window(60.0, 7_200.0)
