"""A visitor may give so many photos a minute; the others wait, and it is said in a line."""

from streamlit.testing.v1 import AppTest

from garbage_app import uploads


def script():
    import streamlit as st

    from garbage_app.photo import photo_of
    from garbage_app.uploads import within_rate

    names = st.text_input("names", key="names").split()
    allowed = within_rate([photo_of(name, name.encode(), private=True) for name in names])
    st.write(" ".join(photo.name for photo in allowed) or "none")


def give(app, names):
    app.text_input(key="names").set_value(names).run()
    assert not app.exception
    return app.markdown[0].value, [warning.value for warning in app.warning]


def test_more_than_so_many_photos_a_minute_wait(monkeypatch):
    monkeypatch.setenv("GARBAGE_PHOTOS_A_MINUTE", "3")
    now = [1000.0]
    monkeypatch.setattr(uploads.time, "monotonic", lambda: now[0])
    app = AppTest.from_function(script).run()
    assert give(app, "a b") == ("a b", [])
    assert give(app, "a b") == ("a b", [])  # the same photos do not count again
    said, warnings = give(app, "c d e")
    assert said == "c"
    assert len(warnings) == 1
    assert "2 photos of 3 must wait: a visitor may give 3 a minute." in warnings[0]
    assert "\n" not in warnings[0]
    now[0] += 61
    assert give(app, "c d e") == ("c d e", [])


def test_a_whole_selection_fits_into_a_minute():
    from garbage_app.classify.photo_input import MOST_FILES

    assert uploads.PHOTOS_A_MINUTE >= MOST_FILES
