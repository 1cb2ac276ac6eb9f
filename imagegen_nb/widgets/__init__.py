"""The widgets of the notebook interface. Nothing here is imported until a widget is asked for.

`form` is the step editor: `form_state` says what it shows, `panel` lays out the parts that show it (`header`,
`field`, `input_values`, `import_export`). `gallery`, `output_tree`, `prompt`, `tiles` and `buttons` hold
anywidgets, all of them a `base.BaseWidget`; their scripts and styles are the files in `assets/`.
`thumbnail_delivery` makes and sends the gallery's thumbnails.
"""
