"""A plain endpoint of the framework that takes the same body, checks it and answers with the same bytes; no more.

`python -m bench.noop FILE FILE`: the answer to a POST of a rating, and a page of alerts.
"""

import sys
from pathlib import Path

from fastapi import FastAPI
from starlette.responses import Response

from bench.body import RatingIn
from bench.serving import serve

JSON = "application/json"


def create_app(rating: bytes, alerts: bytes) -> FastAPI:
    app = FastAPI(telemetry={"tracing": False, "metrics": False, "logs": False})

    @app.post("/v1/ratings")
    async def post_rating(body: RatingIn) -> Response:
        return Response(rating, 201, media_type=JSON)

    @app.get("/v1/alerts")
    async def get_alerts(limit: int = 50) -> Response:
        return Response(alerts, media_type=JSON)

    @app.get("/livez")
    async def livez() -> Response:
        return Response(b"{}", media_type=JSON)

    return app


if __name__ == "__main__":
    serve(create_app(*(Path(name).read_bytes() for name in sys.argv[1:3])))
