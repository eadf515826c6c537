"""Why a model predicts what it does: heat maps of the models side by side, and whether they show what counts."""

from garbage_app.classifiers import choose_models, start_loading
from garbage_app.explanations.explain import Choice, explain
from garbage_app.explanations.layout import choose_map
from garbage_app.router import ensure_routed
from garbage_app.widgets.choosers import runs_or_stop
from garbage_app.widgets.page_header import answer, question, to_try
from garbage_app.widgets.photo_picker import pick_photo

ensure_routed()

place = question("Which part of the photo decides?", "explanations")
to_try("take a photo of your own, and move the object to where the map is cold.")
runs = choose_models(runs_or_stop())
photo = pick_photo(runs)
classes = list(dict.fromkeys(name for run in runs for name in run.classes))
method, stack, label, opacity = choose_map(classes)
if photo is None:
    answer(place, "Choose a photo, and see what in it speaks for the prediction.")
else:
    explain(photo, runs, Choice(method, stack, label), opacity, place)
for run in runs:
    start_loading(run)
