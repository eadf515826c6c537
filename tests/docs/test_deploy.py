"""What hosts read: the files they expect are there, fit each other, and start the app."""

import re
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

ROOT = Path(__file__).resolve().parents[2]


def lines(name):
    return (ROOT / name).read_text("utf-8").splitlines()


def test_entry_for_community_cloud_opens_the_app(tmp_path, monkeypatch):
    monkeypatch.setenv("GARBAGE_MODELS", str(tmp_path))
    app = AppTest.from_file(str(ROOT / "deploy" / "lite" / "streamlit_app.py"), default_timeout=250).run()
    assert not app.exception
    assert app.title[0].value == "Garbage classification"


def test_its_links_to_other_pages_hold(monkeypatch):
    monkeypatch.delenv("GARBAGE_MODELS", raising=False)  # the findings need the committed runs
    app = AppTest.from_file(str(ROOT / "deploy" / "lite" / "streamlit_app.py"), default_timeout=250).run()
    assert not app.exception, app.exception[0].message
    assert len(app.get("page_link")) >= 3


def test_requirements_beside_the_entry_are_those_of_lite_mode():
    (line,) = [line for line in lines("deploy/lite/requirements.txt") if not line.startswith("#")]
    target = (ROOT / "deploy" / "lite" / line.removeprefix("-r ")).resolve()
    assert target == ROOT / "requirements-lite.txt"
    assert not any(line.startswith(("tensorflow", "keras")) for line in target.read_text().splitlines())


def test_image_listens_where_its_health_check_and_the_space_look():
    text = "\n".join(lines("Dockerfile"))
    port = re.search(r"--server\.port=(\d+)", text)[1]
    assert f"http://127.0.0.1:{port}/_stcore/health" in text
    assert f"EXPOSE {port}" in text
    space = lines("deploy/space/README.md")
    assert space[0] == "---"
    front = space[1 : space.index("---", 1)]
    assert {f"app_port: {port}", "sdk: docker"} <= set(front)
    assert max(len(line) for line in front if line.startswith("short_description")) <= 60 + len("short_description: ")


def test_image_runs_as_a_user_without_rights():
    users = [line.split()[1] for line in lines("Dockerfile") if line.startswith("USER ")]
    assert users == ["app"]
    assert "RUN useradd --create-home --uid 1000 app" in lines("Dockerfile")


@pytest.mark.parametrize("name", ["Dockerfile", "deploy/try_lite.sh"])
def test_everything_the_app_consists_of_is_copied(name):
    text = (ROOT / name).read_text("utf-8")
    for part in (".streamlit", "streamlit_app.py", "garbage_core", "garbage_app", "pages", "models"):
        assert (ROOT / part).exists()
        assert re.search(rf"^(COPY|cp) .*{re.escape(part)}|cp -r .*{part}", text, re.M), part
