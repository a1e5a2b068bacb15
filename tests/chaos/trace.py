"""Reads what `strace -f -yy` wrote: was a job on the disk before its 202 left?"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

# Long enough for a page of the database, so that the job's id is in what is shown of it.
STRACE = (
    "strace",
    "--follow-forks",
    "--seccomp-bpf",
    "--decode-fds=all",
    "--string-limit=5000",
    "--trace=fsync,fdatasync,pwrite64,pwritev,write,writev,sendto,sendmsg",
)

_LINE = re.compile(r"(?:(?P<thread>\d+) +)?(?:[\d:.]+ )?(?P<rest>.*)")
_RESUMED = re.compile(r"<\.\.\. (?P<name>\w+) resumed>(?P<more>.*)")
_CALL = re.compile(r"(?P<name>\w+)\((?P<arguments>.*)\) += (?P<result>-?\d+|\?).*")
_ACCEPTED = re.compile(r"HTTP/1\.1 202 .*?[Ll]ocation: \S*/([0-9a-f]{8}-[0-9a-f-]{27})\\r")
_UNFINISHED = "<unfinished ...>"


@dataclass(frozen=True, slots=True)
class Call:
    """A system call.

    Attributes:
        began, ended: line numbers. The tracer stops a thread before the call and after it, so a
            call that began on a later line than another ended was made after that one returned.
    """

    name: str
    arguments: str
    result: int
    began: int
    ended: int

    @property
    def is_on_log(self) -> bool:
        """Whether it is about SQLite's write-ahead log."""
        return bool(re.match(r"\d+<[^>]*-wal>", self.arguments))


def read_trace(text: str) -> list[Call]:
    """The calls that returned, by the time of their return, and those that never did."""
    calls: list[Call] = []
    open_calls: dict[str, tuple[int, str]] = {}
    for number, line in enumerate(text.splitlines()):
        match = _LINE.fullmatch(line)
        assert match is not None
        thread, rest = match["thread"] or "", match["rest"]
        began = number
        if rest.endswith(_UNFINISHED):
            open_calls[thread] = (number, rest.removesuffix(_UNFINISHED))
            continue
        if resumed := _RESUMED.fullmatch(rest):
            if thread not in open_calls:
                continue
            began, head = open_calls.pop(thread)
            rest = head + resumed["more"]
        if (call := _CALL.fullmatch(rest)) and call["result"] != "?":
            calls.append(Call(call["name"], call["arguments"], int(call["result"]), began, number))
    # A call that was cut short may have done its work.
    for began, head in open_calls.values():
        name, _, arguments = head.partition("(")
        calls.append(Call(name, arguments, 0, began, began))
    return calls


def accepted(calls: Iterable[Call]) -> dict[str, Call]:
    """The first write of each 202 that tells where a job is, by the job's id."""
    found: dict[str, Call] = {}
    for call in calls:
        if call.name in ("write", "writev", "sendto", "sendmsg"):
            for job_id in _ACCEPTED.findall(call.arguments):
                if job_id not in found or call.began < found[job_id].began:
                    found[job_id] = call
    return found


def too_early(calls: list[Call]) -> dict[str, str]:
    """The jobs whose 202 left before they were on the disk, and what was missing.

    A job is on the disk when a page with its id was written to the log, and after that a sync of
    the log began and returned without an error.
    """
    syncs = [
        call
        for call in calls
        if call.name in ("fsync", "fdatasync") and call.is_on_log and call.result == 0
    ]
    writes = [
        call
        for call in calls
        if call.name in ("pwrite64", "pwritev", "write") and call.is_on_log and call.result > 0
    ]
    missing: dict[str, str] = {}
    for job_id, answer in accepted(calls).items():
        written = [one.ended for one in writes if job_id in one.arguments]
        if not written or min(written) >= answer.began:
            missing[job_id] = "it was not written to the log before"
        elif not any(min(written) < sync.began and sync.ended < answer.began for sync in syncs):
            missing[job_id] = "no sync of the log began after the write and returned before"
    return missing
