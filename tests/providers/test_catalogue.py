"""Finding a provider's class: built in, from a package, from a file."""

from __future__ import annotations

import importlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from pkgutil import iter_modules

import pytest

import stentor.providers
from stentor.providers.base import Provider
from stentor.providers.catalogue import (
    BUILT_IN,
    load_file,
    provider_type,
    provider_type_names,
)

CLASS = """
from stentor.providers.base import Provider

class {name}(Provider):
    type = "acme"
"""


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder of packages, with one distribution that offers providers."""
    points = (
        "[stentor.providers]\n"
        "acme = stentor_acme_of_a_test:Acme\n"
        "openai = stentor_acme_of_a_test:Acme\n"
        "broken = stentor_acme_of_a_test.missing:Acme\n"
        "wrong = stentor_acme_of_a_test:NUMBER\n"
        "[other.group]\n"
        "hidden = stentor_acme_of_a_test:Acme\n"
    )
    info = tmp_path / "stentor_acme-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: stentor-acme\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(points)
    (tmp_path / "stentor_acme_of_a_test.py").write_text(CLASS.format(name="Acme") + "NUMBER = 7\n")
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path
    sys.modules.pop("stentor_acme_of_a_test", None)


@pytest.mark.parametrize("name", BUILT_IN)
def test_a_built_in_type_is_found_under_its_own_name(name: str) -> None:
    found = provider_type(name)
    assert issubclass(found, Provider)
    assert found.type == name
    assert found.title and found.reference.startswith("https://")


def test_no_adapter_is_forgotten() -> None:
    modules = [
        importlib.import_module(f"stentor.providers.{found.name}")
        for found in iter_modules(stentor.providers.__path__)
    ]
    classes = {
        f"{module.__name__}:{name}"
        for module in modules
        for name, value in vars(module).items()
        if isinstance(value, type)
        and issubclass(value, Provider)
        and value.__module__ == module.__name__
        and "type" in vars(value)
    }
    assert classes == set(BUILT_IN.values())


def test_nothing_is_imported_before_it_is_asked_for() -> None:
    code = (
        "import sys\n"
        "from stentor.providers.catalogue import provider_type, provider_type_names\n"
        "from stentor.providers.prices import prices\n"
        "before = set(sys.modules)\n"
        "provider_type_names()\n"
        "provider_type('murf')\n"
        "new = {name for name in sys.modules if name.startswith('stentor.providers.')}\n"
        "print(*sorted(new))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = {name.rpartition(".")[2] for name in done.stdout.split()}
    vendors = {target.partition(":")[0].rpartition(".")[2] for target in BUILT_IN.values()}
    assert loaded & vendors == {"murf"}


def test_an_unknown_type_is_told_with_those_there_are() -> None:
    with pytest.raises(ValueError, match=r"^'acme' is no type .*; expected one of azure, .*sarvam"):
        provider_type("acme")


@pytest.mark.usefixtures("installed")
def test_an_installed_package_offers_types() -> None:
    assert "acme" in provider_type_names() and "hidden" not in provider_type_names()
    found = provider_type("acme")
    assert found.__name__ == "Acme" and issubclass(found, Provider)


@pytest.mark.usefixtures("installed")
def test_a_package_cannot_take_the_name_of_a_built_in_type() -> None:
    assert provider_type("openai").__module__ == "stentor.providers.openai"
    assert provider_type_names().count("openai") == 1


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("broken", r"'broken' \(.*missing:Acme of stentor-acme\) cannot be imported: ModuleNotF"),
        ("wrong", r"'wrong' \(.*:NUMBER of stentor-acme\) is not .*expected a subclass of stentor"),
    ],
)
def test_what_a_package_offers_wrongly_is_told(name: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        provider_type(name)


def test_a_file_defines_a_provider(tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    path.write_text(
        "from __future__ import annotations\n"
        "import msgspec\n"
        "from stentor.providers.openai import OpenAI\n"
        "class _Answer(msgspec.Struct):\n"
        "    inner: _Inner | None = None\n"
        "class _Inner(msgspec.Struct):\n"
        "    number: int\n"
        "class Mine(OpenAI):\n"
        "    type = 'mine'\n"
        "    def number(self, body):\n"
        "        return msgspec.json.decode(body, type=_Answer).inner.number\n"
    )
    found = load_file(path)
    assert found.type == "mine"
    assert found().number(b'{"inner": {"number": 7}}') == 7, "its structs know its names"
    assert load_file(path) is found, "a file is run once"


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("NUMBER = 7\n", r"expected one subclass of .*; there is none$"),
        ("from stentor.providers.openai import OpenAI\n", r"there is none$"),
        (CLASS.format(name="One") + CLASS.format(name="Two"), r"there is One, Two$"),
        ("import nothing_of_this_name\n", r"cannot be imported: ModuleNotFoundError: No module"),
        ("def broken(:\n", r"cannot be imported: SyntaxError: "),
    ],
)
def test_a_file_with_anything_but_one_provider_is_refused(
    tmp_path: Path, code: str, message: str
) -> None:
    path = tmp_path / "mine.py"
    path.write_text(code)
    with pytest.raises(ValueError, match=rf"{path}: .*{message}"):
        load_file(path)


def test_a_class_with_an_underscore_is_a_base_of_the_files_own(tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    path.write_text(CLASS.format(name="_Base") + "\nclass Mine(_Base):\n    pass\n")
    assert load_file(path).__name__ == "Mine"


def test_a_file_that_is_not_there_or_not_python_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no such file; expected a Python file"):
        load_file(tmp_path / "mine.py")
    other = tmp_path / "mine.txt"
    other.touch()
    with pytest.raises(ValueError, match=r"not a Python file; expected a name that ends in \.py"):
        load_file(other)


def test_a_file_that_failed_is_tried_anew(tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    path.write_text("raise RuntimeError('not yet')\n")
    with pytest.raises(ValueError, match="cannot be imported: RuntimeError: not yet"):
        load_file(path)
    path.write_text(CLASS.format(name="Mine"))
    assert load_file(path).__name__ == "Mine"
