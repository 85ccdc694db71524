"""What is said of an evaluation's episodes."""

import json

from isaaclab_datagen.cli import evaluation
from isaaclab_datagen.datasets.episode import Outcome
from isaaclab_datagen.evaluation.episodes import Ended, Score


def score(*facts: dict) -> Score:
    outcomes = [Outcome(True, "success", False, slot, said) for slot, said in enumerate(facts)]
    return Score([Ended(0, slot, 10, outcome) for slot, outcome in enumerate(outcomes)])


def test_numbers_are_averaged_over_the_episodes_that_have_them():
    found = score({"error": 0.1, "fell": False, "motion": "walk"}, {"error": 0.3, "fell": True, "motion": "run"}, {})
    assert found.numbers.keys() == {"error"}  # neither flags nor names are numbers
    assert found.numbers["error"] == (0.2, 0.1, 0.3)
    said = json.loads(json.dumps(found.to_json()))["facts"]
    assert said == {"error": {"mean": 0.2, "least": 0.1, "most": 0.3}}


def test_numbers_are_shown_where_there_are_some(capsys):
    evaluation.show(score({"error": 0.125}, {"error": 0.375}), None)
    assert "error" in (shown := capsys.readouterr().out) and "0.25" in shown and "0.375" in shown
    evaluation.show(score({"motion": "walk"}), None)
    assert capsys.readouterr().out == ""
