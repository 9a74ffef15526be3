"""The chart accepts the values that the documentation sets, and has the objects that it names."""

from __future__ import annotations

import re

import yaml

from tests.helm.chart import Values, render
from tests.pages import blocks, commands, named, pages

NAMED = r"\b(deployment|service|cronjob)/([a-z][\w-]*)"


def test_the_values_of_every_helm_command_are_accepted() -> None:
    lines = {line for _, line in commands() + named() if re.match(r"helm (install|upgrade) ", line)}
    given = [re.findall(r"--set \S+", line) for line in lines]
    for values in filter(None, given):
        render(None, *" ".join(values).split())
    assert sum(map(len, given)) > 3


def test_the_values_of_every_block_are_accepted() -> None:
    seen = 0
    for page, text in blocks("yaml"):
        if page in ("docs/kubernetes.md", "docs/pod-profiles.md"):
            seen += 1
            values: Values = yaml.safe_load(text.replace("sha256:…", f"sha256:{'0' * 64}"))
            render({"podProfiles": values} if page == "docs/pod-profiles.md" else values)
    assert seen > 4


def test_every_value_that_a_sentence_names_is_one() -> None:
    listed = re.findall(r"^\| `([\w.]+)`", pages()["docs/chart-values.md"], re.MULTILINE)
    groups = "|".join({name.split(".")[0] for name in listed} - {"config"})
    name = re.compile(rf"({groups})(\.\w+)+(?=$|: )")
    names = {found[0] for _, code in named() if (found := name.match(code))}
    assert len(names) > 15
    assert not [one for one in names if not any(f"{value}.".startswith(f"{one}.") for value in listed)]


def test_every_object_that_a_kubectl_command_names_is_rendered() -> None:
    objects = render({"dbt": {"cronJob": {"enabled": True}}}, release="nyc-taxi")
    rendered = {(one["kind"].lower(), one["metadata"]["name"]) for one in objects}
    lines = [line for _, line in commands() if line.startswith("kubectl ")]
    found = {pair for line in lines for pair in re.findall(NAMED, line)}
    assert found
    assert found <= rendered
