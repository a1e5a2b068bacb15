"""Finding the line of a key, however it is written."""

from __future__ import annotations

import pytest

from stentor.config.locate import line_of

TEXT = '''\
# [server]
title = """
[server]
port = 1
"""

[server]   # not the one above
  "port" = 9000
hosts = [
  "a", # ]
  "b",
]
after = 1

[providers.piper]
voices_dir = "x = [y]"
limits.max = 3
[keys]
alice = { value = "k" }
[keys."bob b"]
value = 'x'
[[list]]
'''


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("title", 2),
        ("server", 7),
        ("server.port", 8),
        ("server.hosts", 9),
        ("server.after", 13),
        ("providers", 15),
        ("providers.piper.voices_dir", 16),
        ("providers.piper.limits.max", 17),
        ("keys.alice.value", 19),
        ("keys.bob b.value", 21),
        ("list", 22),
    ],
)
def test_a_key_is_found_at_the_line_where_its_statement_starts(path: str, line: int) -> None:
    assert line_of(TEXT, tuple(path.split("."))) == line


def test_a_key_that_the_text_has_not_is_not_found() -> None:
    with pytest.raises(KeyError, match=r"server\.after\.x"):
        line_of(TEXT, ("server", "after", "x"))
