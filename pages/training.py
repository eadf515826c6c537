"""An earlier address: its content stands on the page comparison."""

from garbage_app.router import ensure_routed, lead_on

ensure_routed()

lead_on("comparison", view="Learning curves")
