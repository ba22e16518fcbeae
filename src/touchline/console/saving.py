"""In: a chart. Out: it as a page shows it, with the table behind it and links to save it; the file that they answer. Writes no interactions."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils.http import content_disposition_header, urlencode

from touchline.kernel.errors import UnknownName
from touchline.report import vega
from touchline.report.vega import Chart


def shown(request: HttpRequest, chart: Chart, **asked: str) -> dict[str, Any]:
    """The chart for `console/chart.html`; `asked` is what this view must be asked for, beside the format, to save it."""
    links = [(form.upper(), f"{request.path}?{urlencode({**asked, 'format': form})}") for form in vega.FORMATS]
    return {"drawing": vega.svg(chart), "head": chart.head, "rows": chart.rows, "links": links}


def form_of(request: HttpRequest) -> str | None:
    """The format in which a chart is to be saved, None where the page is asked for; raises UnknownName for another."""
    form = request.GET.get("format")
    if form is not None and form not in vega.FORMATS:
        raise UnknownName("that format of a chart", remedy="A chart is saved as `svg` or `png`.")
    return form


def saved(chart: Chart, form: str, name: str) -> HttpResponse:
    """The chart as a file of that name."""
    answer = HttpResponse(vega.saved(chart, form), content_type=vega.FORMATS[form])
    answer["Content-Disposition"] = content_disposition_header(as_attachment=True, filename=f"{name}.{form}") or ""
    return answer
