"""The widgets of the notebook interface. Nothing here is imported until a widget is asked for.

`form` is the step editor: `form_state` says what it shows, `panel` lays out the parts that show it
(`header`, `field`, `input_values`, `import_export`). What its variables stand for is in `draft_inputs`, what
goes on and waits in `run_queue` and what is shown of it in `form_runs`, the other forms in `notebook_steps`.
`gallery`, `output_tree`, `prompt`, `tiles`, `field_group`, `header` and `import_export` hold anywidgets, all
of them a `base.BaseWidget`; their scripts and styles are the files in `assets/`. `parts` are the controls
that one widget draws many of.
`thumbnail_delivery` makes and sends the gallery's thumbnails, `history` finds images of all runs, `marks` are
stars and notes, `run_settings` says a run's settings in the platform's words, `download_names` names files
that leave the notebook, `image_archive` packs a zip.
"""
