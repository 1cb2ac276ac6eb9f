"""The widgets of the notebook interface. Nothing here is imported until a widget is asked for.

`prompt`, `tiles`, `gallery` and `tree` each hold one anywidget; their scripts and styles lie in
`assets/`, written by hand and sent as they stand. A script is `dom.js` followed by the widget's own.
"""
