"""Running a step: the workspace, preparation, the run itself, and runs that were only simulated."""
