"""An earlier address: its content stands on the page about."""

from garbage_app.router import ensure_routed, lead_on

ensure_routed()

lead_on("about")
