"""What a sweep runs with: a workspace, as everything below one sees it."""

from imagegen_nb.runs.run import Run
from imagegen_nb.step.run_context import RunContext
from imagegen_nb.step.step import ImageGenerationStep

Context = RunContext[ImageGenerationStep, Run]
