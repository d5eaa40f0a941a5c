"""No known way to do harm with a file is without a test."""

from __future__ import annotations

from pathlib import Path

import pytest

# Flaws of Keras by the number of their report, of their mending or of their page,
# then what has not been seen yet but would do harm. Tests carry these in their names.
KNOWN = """
CVE-2021-37678 CVE-2024-3660 CVE-2024-55459 CVE-2025-1550 CVE-2025-8747 CVE-2025-9906
CVE-2025-9905 CVE-2025-49655 CVE-2025-12058 CVE-2025-12060 CVE-2025-12638 CVE-2026-0897
CVE-2026-1669 CVE-2026-1462 CVE-2026-12479 CVE-2026-12481 GHSA-hqp4-2352-xf5r
#22900 #22899 #22976 TFK#921 #22973 #23015 #23010 #23101 #23016 #22839 #23115 #23026
#23047 huntr#1504
duplicates archive-names symlinks json nan integers cycles shadowing dtypes names
patterns slots truncated
"""


@pytest.mark.parametrize("number", KNOWN.split())
def test_it_has_a_test(number):
    path = Path(__file__)
    texts = [p.read_text() for p in path.parent.glob("test_*.py") if p != path]
    assert any(f"{number}:" in text or f"{number}," in text for text in texts), number
