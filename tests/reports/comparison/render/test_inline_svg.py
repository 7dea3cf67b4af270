"""A file's SVG as a part of a page."""

import pytest

from reports.comparison.render.inline_svg import inline_svg


def test_size_from_width_and_height() -> None:
    found = inline_svg('<svg width="72pt" height="2in"><g/></svg>', "words")
    assert (found.width, found.height) == (96, 192)
    assert 'viewBox="0 0 96 192"' in found.markup


def test_size_from_the_view_box() -> None:
    found = inline_svg('<svg viewBox="0 0 300 150" width="100%"><g/></svg>', "words")
    assert (found.width, found.height) == (300, 150)


def test_no_size_is_refused() -> None:
    with pytest.raises(ValueError, match="neither viewBox nor width"):
        inline_svg("<svg><g/></svg>", "words")


def test_what_belongs_to_a_file_goes_and_the_rest_stays() -> None:
    svg = (
        '<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 3 1" '
        'style="height:auto" role="img" aria-label="old" font-family="\'DejaVu Sans\', sans-serif">\n'
        '<metadata><a>b</a></metadata><path stroke="#1F2328" fill="#0072b2"/></svg>\n'
    )
    assert inline_svg(svg, 'a "b" < c').markup == (
        '<svg viewBox="0 0 3 1" role="img" aria-label="a &quot;b&quot; &lt; c" focusable="false" '
        'font-family="\'DejaVu Sans\', sans-serif"><path stroke="currentColor" fill="#0072b2"/></svg>'
    )
