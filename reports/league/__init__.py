"""League table of many routers on several data sets: one model, and the page, Markdown and JSON of it."""
