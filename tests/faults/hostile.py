"""Texts that would do harm where a program pastes them into SQL, a shell, a path, a page or a terminal.

To try another one everywhere, add a line.
"""

from __future__ import annotations

MARK = "hostile"
"""Name of the file, schema or variable that the texts would make if they were executed."""

HOSTILE: dict[str, str] = {
    "quote": f"'; create schema {MARK}; --",
    "double quote": f'"; create schema {MARK}; --',
    "drop": "green; drop table raw.green_tripdata cascade; --",
    "dollar quote": f"$$; create schema {MARK}; $$",
    "backslash": "\\'; \\. \\copy \\!",
    "shell": f"$(touch {MARK})",
    "backticks": f"`touch {MARK}`",
    "semicolon": f"; touch {MARK} ;",
    "pipe": f"| touch {MARK} &",
    "make": f"$(shell touch {MARK})",
    "newline": f"2021-01\ntouch {MARK}",
    "carriage return": f"2021-01\rtouch {MARK}",
    "nul": "2021-01\0",
    "path": "../../../../etc/passwd",
    "path of windows": "..\\..\\etc\\passwd",
    "absolute path": "/etc/passwd",
    "file": "file:///etc/passwd",
    "percent-encoded": "%2e%2e%2f%27%22%00%0a",
    "jinja": "{{ 7 * 7 }}{% set x = 1 %}",
    "format": "{}{0.__class__}{dataset}",
    "printf": "%s%(name)s%n%d",
    "psycopg": "%(id)s %s %%",
    "option": "--help",
    "markup": "<script>alert(1)</script>",
    "markdown": "](javascript:alert(1)) [x",
    "rich markup": "[bold red]x[/bold red]",
    "ansi": "\x1b[2J\x1b]0;title\x07",
    "ansi of 8 bits": "\x9b2J",
    "lookalike digits": "２０２１-０１",
    "lookalike letters": "grееn",
    "right to left": "\u202e10-1202",
    "zero width": "2021\u200b-01",
    "surrogate": "2021-01\udcff",
    "empty": " ",
    "long": "2021-01" * 20_000,
}

ODD_BYTES = {
    name: HOSTILE[name]
    for name in (
        "quote", "shell", "newline", "nul", "percent-encoded", "psycopg",
        "ansi", "ansi of 8 bits", "right to left", "surrogate", "long",
    )
}  # fmt: skip
"""One text for each way in which bytes can mean something to HTTP, to SQL or to a terminal."""
