"""References of later steps against every outcome of the step before."""

from __future__ import annotations

import pytest

import imagegen_nb as ig
from imagegen_nb.errors import InvalidOption, VariableError

STEP = ig.ImageGenerationStep(prompt="a {{what}}", image_count=3)
GOES_ON = STEP.replace(on_failure="continue")
FIRST = "{{step_1.output.assets.0.file_url}}"
THIRD = "{{step_1.output.assets.2.file_url}}"
KIND = "{{step_1.output.error.kind}}"


def cells(report):
    """The type, or nothing, of each reference by outcome."""
    found = {}
    for finding in report.findings:
        found.setdefault(finding.reference, {})[finding.outcome] = finding.type
    return found


def test_every_reference_against_every_outcome():
    report = ig.check_references(f"{FIRST} {THIRD} {KIND} {{{{step_1.output.assets}}}}", GOES_ON)
    assert not report
    assert cells(report) == {
        FIRST: {"success": "text", "partial": "text", "failed": ""},
        THIRD: {"success": "text", "partial": "", "failed": ""},
        KIND: {"success": "", "partial": "", "failed": "text"},
        "{{step_1.output.assets}}": {"success": "array", "partial": "array", "failed": "array"},
    }
    assert len(report.problems) == 5


def test_a_failed_outcome_is_shown_but_does_not_count_where_later_steps_never_start():
    report = ig.check_references(FIRST, STEP)
    assert report
    assert cells(report)[FIRST] == {"success": "text", "partial": "text", "failed": ""}
    assert "(missing)" in repr(report)
    assert "later steps never start" in repr(report)
    assert not ig.check_references(FIRST, GOES_ON)


def test_it_tells_what_really_happens(workspace):
    """What is reported for an outcome is what a later step meets when it is given that run."""
    for outcome in ("success", "partial", "failed"):
        later = ig.ImageGenerationStep(prompt=THIRD)
        run = ig.simulate(GOES_ON, outcome)
        told = cells(ig.check_references(later, GOES_ON))[THIRD][outcome]
        if told:
            assert later.run({"step_1": run}, workspace=workspace).prompt.startswith("simulated:")
        else:
            with pytest.raises(VariableError, match=r"assets\.2\.file_url"):
                later.run({"step_1": run}, workspace=workspace)


def test_the_report_can_be_read():
    report = ig.check_references(f"{FIRST} {THIRD}", STEP, inputs={"a": 1})
    text = repr(report).splitlines()
    assert text[0] == "1 of 2 references do not resolve"
    assert text[1] == f"  partial: {THIRD} has no value; the nearest available path is {FIRST}"
    assert text[2].split() == ["success", "partial", "failed"]
    assert text[4].split() == [THIRD, "text", "missing", "(missing)"]
    assert text[5].startswith("  (failed): not reached")
    shown = report._repr_html_()
    assert shown.count("<tr>") == 3
    assert "nearest available path" in shown
    with pytest.raises(VariableError) as caught:
        report.raise_for_problems()
    assert str(caught.value) == repr(report)
    assert caught.value.missing == ("step_1.output.assets.2.file_url",)


def test_its_html_is_escaped():
    shown = ig.check_references({"<b>": "{{<script>}}"}, STEP)._repr_html_()
    assert "<script>" not in shown
    assert "&lt;b&gt;" in shown


def test_a_report_without_problems():
    report = ig.check_references(FIRST, STEP)
    report.raise_for_problems()
    assert repr(report).startswith("1 of 1 references resolve\n")
    nothing = ig.check_references("no reference", STEP)
    assert nothing
    assert repr(nothing) == "no references to check"
    assert "no references" in nothing._repr_html_()


def test_templates_by_name_and_in_order():
    later = ig.ImageGenerationStep(prompt=FIRST)
    report = ig.check_references({"title": FIRST, "steps": [later, THIRD]}, STEP)
    assert {finding.place for finding in report.findings} == {"title", "steps.0", "steps.1"}
    assert {finding.place for finding in report.problems} == {"steps.1"}


def test_inputs_and_other_steps_have_values_and_nothing_else_has():
    template = "{{product}} {{step_2.output.assets.0.id}} {{nobody}} {{step_3.output.settings.model}}"
    report = ig.check_references(
        template, STEP, identifier="step_3", inputs={"product": "a lamp", "step_2": ig.simulate(STEP)}
    )
    assert {finding.reference for finding in report.problems} == {"{{nobody}}"}


@pytest.mark.parametrize(
    ("template", "told"),
    [
        ("{{step_1.output.assets.0.file url}}", "is not a path"),
        ("{{step_1.output.assets.0.id}} {{step_1.output", "never closed"),
        ("{{step_1.output.settings.image_output_compression}}", "is null"),
        ("{{step_2.output}}", "the nearest available path is {{step_1.output}}"),
    ],
)
def test_what_is_no_reference_is_a_problem(template, told):
    report = ig.check_references(template, STEP)
    assert {finding.outcome for finding in report.problems} == {"success", "partial"}
    assert all(told in finding.problem for finding in report.problems)


def test_one_image_has_no_partial_outcome():
    report = ig.check_references(FIRST, GOES_ON.replace(image_count=1))
    assert cells(report)[FIRST] == {"success": "text", "failed": ""}


@pytest.mark.parametrize(
    ("template", "options", "told"),
    [
        (5, {}, "template is of type int"),
        ({"a": [b"x"]}, {}, r"template\.a\.0 is of type bytes"),
        (FIRST, {"identifier": "1st"}, "use letters"),
        (FIRST, {"inputs": {"step_1": 1}}, "leave it out of inputs"),
    ],
)
def test_what_cannot_be_checked_is_refused(template, options, told):
    with pytest.raises(InvalidOption, match=told):
        ig.check_references(template, STEP, **options)
