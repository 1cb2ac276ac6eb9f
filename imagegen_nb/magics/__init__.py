"""`%%imagegen` and `%imagegen` in a notebook: a prompt as a cell, the form as a line."""
