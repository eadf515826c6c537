"""Makes the API page from the docstrings, with pdoc: `python -m docs.api [FOLDER]`, by default into build/api."""

import pkgutil
import sys
from pathlib import Path

import garbage_core


def module_names() -> list[str]:
    """Returns the names of the package and of every module in it that is made to be imported."""
    found = pkgutil.walk_packages(garbage_core.__path__, "garbage_core.")
    return ["garbage_core", *(module.name for module in found if not module.name.endswith("__main__"))]


def write_pages(folder: Path) -> None:
    """Writes one HTML page per module, `index.html` first."""
    import pdoc

    for name in garbage_core.__all__:  # are loaded when first used, and pdoc only shows what is there
        setattr(garbage_core, name, getattr(garbage_core, name))
    pdoc.render.configure(docformat="google")
    pdoc.pdoc(*module_names(), output_directory=folder)


if __name__ == "__main__":
    write_pages(Path(sys.argv[1] if len(sys.argv) > 1 else "build/api"))
