"""The imbalance study: what each strategy against class imbalance gains, over all classes and for each."""

from garbage_app.imbalance.strategies import (
    write_classes,
    write_descriptions,
    write_method,
    write_networks,
    write_numbers,
    write_strategies,
)
from garbage_app.imbalance.study import choose_split, findings_of, study_or_stop
from garbage_app.router import ensure_routed
from garbage_app.widgets.page_header import answer, question

ensure_routed()

place = question("What does a strategy against class imbalance gain?")
study, path = study_or_stop()
split = choose_split(study)
found = findings_of(path, split, study)
answer(place, found.sentence, found.note)
write_strategies(study, path, split, found.rarest)
write_classes(study, path, split, found.classes)
write_numbers(found.numbers)
write_networks(split)
write_descriptions()
write_method()
