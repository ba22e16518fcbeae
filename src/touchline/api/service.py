"""In: the routes of `/api`. Out: one API with its OpenAPI 3.1 document, every refusal a problem. Writes no interactions."""

from __future__ import annotations

from typing import Any

from ninja import NinjaAPI
from ninja.openapi.schema import OpenAPISchema

from touchline.api import asked, problems, reading

DESCRIPTION = """What a site, an app, a till or a system of your own asks of Touchline and tells it. A key of the scope that each path names goes along as
`Authorization: Bearer KEY`. What is not done is answered as RFC 9457 says, with a remedy. Events go to /v1, as Segment's clients send them."""

REFUSALS = {
    400: "The body is no JSON",
    401: "No key, or an unknown one",
    403: "The key has another scope",
    404: "There is nothing of that name",
    405: "Another method",
    409: "Something holds it, or has been told before",
    413: "The body is too large",
    422: "Something that was sent cannot be used",
    503: "Not at this moment; Retry-After says when",
}
"""Status -> what it means, as every path may answer."""


class Api(NinjaAPI):
    """The library's, whose document tells of problems too."""

    def get_openapi_schema(
        self, *, path_prefix: str | None = None, path_params: dict[str, Any] | None = None
    ) -> OpenAPISchema:
        """The OpenAPI 3.1 document."""
        document = super().get_openapi_schema(path_prefix=path_prefix, path_params=path_params)
        parts = problems.Problem.model_json_schema(ref_template="#/components/schemas/{model}")
        document["components"]["schemas"] |= {**parts.pop("$defs", {}), "Problem": parts}
        content = {problems.MEDIA: {"schema": {"$ref": "#/components/schemas/Problem"}}}
        for path in document["paths"].values():
            for operation in path.values():
                for status, means in REFUSALS.items():
                    operation["responses"][status] = {"description": means, "content": content}
        return document


api = Api(
    title="Touchline",
    version="1",
    description=DESCRIPTION,
    docs_url=None,
    openapi_url="/openapi.json",
    urls_namespace="api",
)
api.add_router("", asked.router)
api.add_router("", reading.router)
api.add_exception_handler(Exception, problems.refused)
for _known in list(api._exception_handlers):
    api.add_exception_handler(_known, problems.refused)  # those that the library answers in its own way
