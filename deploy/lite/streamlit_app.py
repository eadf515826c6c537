"""The app for hosts that install the requirements.txt beside the file they start: in lite mode, without TensorFlow."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # the library and the app

from garbage_app.router import route

route()
