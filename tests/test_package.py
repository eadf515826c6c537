"""The package as a whole: what importing it does, and does not do."""

import os
import subprocess
import sys


def test_importing_the_package_leaves_the_environment_to_its_owner():
    code = "import os; before = dict(os.environ); import garbage_core; assert dict(os.environ) == before"
    environment = {key: value for key, value in os.environ.items() if not key.startswith("TF_")}
    subprocess.run([sys.executable, "-c", code], check=True, env=environment)


def test_tests_set_what_tensorflow_reads_before_it_is_imported():
    code = "import tests, os, sys; assert os.environ['TF_ENABLE_ONEDNN_OPTS'] == '0' and 'keras' not in sys.modules"
    environment = {key: value for key, value in os.environ.items() if not key.startswith("TF_")}
    subprocess.run([sys.executable, "-c", code], check=True, env=environment)
