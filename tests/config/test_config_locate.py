"""Finding the line of a key, however it is written."""

from __future__ import annotations

import tomllib
from unittest.mock import patch

import pytest

from stentor.config.locate import KeyPath, line_of

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
[[list]]
names = ["a", [
  "b"]]
[list.inner]
deep = 1
'''


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("title",), 2),
        (("server",), 7),
        (("server", "port"), 8),
        (("server", "hosts"), 9),
        (("server", "hosts", 1), 9),
        (("server", "after"), 13),
        (("providers",), 15),
        (("providers", "piper", "voices_dir"), 16),
        (("providers", "piper", "limits", "max"), 17),
        (("keys", "alice", "value"), 19),
        (("keys", "bob b", "value"), 21),
        (("list",), 22),
        (("list", 0), 22),
        (("list", 1), 23),
        (("list", 1, "names", 1, 0), 24),
        (("list", 1, "inner"), 26),
        (("list", 1, "inner", "deep"), 27),
    ],
)
def test_a_key_is_found_at_the_line_where_its_statement_starts(path: KeyPath, line: int) -> None:
    assert line_of(TEXT, path) == line


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        (("server", "after", "x"), r"server\.after\.x"),
        (("list", 2), r"list\.2"),
        (("list", "names"), r"list\.names"),
        (("title", 0), r"title\.0"),
    ],
)
def test_a_key_that_the_text_has_not_is_not_found(path: KeyPath, shown: str) -> None:
    with pytest.raises(KeyError, match=shown):
        line_of(TEXT, path)


def test_a_long_file_is_read_as_a_whole_a_few_times_only() -> None:
    text = "[keys]\n" + "".join(f"k{n} = {{ value = 'x' }}\n" for n in range(1000))
    with patch("tomllib.loads", wraps=tomllib.loads) as loads:
        assert line_of(text, ("keys", "k500", "value")) == 502
    assert sum(call.args[0].startswith("[keys]\n") for call in loads.call_args_list) < 20
