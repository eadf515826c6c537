"""The package as a whole: what importing it does, and does not do."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

import garbage_core


def test_importing_the_package_leaves_the_environment_to_its_owner():
    code = "import os; before = dict(os.environ); import garbage_core; assert dict(os.environ) == before"
    environment = {key: value for key, value in os.environ.items() if not key.startswith("TF_")}
    subprocess.run([sys.executable, "-c", code], check=True, env=environment)


def test_tests_set_what_tensorflow_reads_before_it_is_imported():
    code = "import tests, os, sys; assert os.environ['TF_ENABLE_ONEDNN_OPTS'] == '0' and 'keras' not in sys.modules"
    environment = {key: value for key, value in os.environ.items() if not key.startswith("TF_")}
    subprocess.run([sys.executable, "-c", code], check=True, env=environment)


def test_importing_the_package_loads_no_library():
    code = (
        "import garbage_core, sys; assert set(garbage_core.__all__) <= set(dir(garbage_core)); "
        "loaded = {'numpy', 'pandas', 'keras', 'tensorflow', 'PIL'} & set(sys.modules); assert not loaded, loaded"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("name", garbage_core.__all__)
def test_every_public_name_is_there_and_documented(name):
    assert getattr(garbage_core, name).__doc__


def test_the_names_that_type_checkers_see_are_those_that_are_loaded():
    tree = ast.parse(Path(garbage_core.__file__).read_text("utf-8"))
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    seen = {
        node.module.removeprefix("garbage_core."): tuple(alias.name for alias in node.names)
        for node in imports
        if node.module.startswith("garbage_core.")
    }
    assert seen == garbage_core._MODULES
    assert sorted(name for names in seen.values() for name in names) == sorted(garbage_core.__all__)


def test_other_names_are_missing():
    with pytest.raises(AttributeError, match="no attribute 'rocket'"):
        getattr(garbage_core, "rocket")  # noqa: B009
