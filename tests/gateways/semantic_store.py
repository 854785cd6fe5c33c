"""What LiteLLM's semantic cache leans on: an embeddings endpoint and a vector store with Qdrant's REST API.

The embedding is of the text it is given, and nothing else reaches it: 256 hashed words, L2-normalised.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from aiohttp import web

SIZE = 256


@dataclass
class SemanticStore:
    """`embedded`: every text that was to be embedded. `searches`: how often the store was asked."""

    embedded: list[str] = field(default_factory=list)
    points: list[dict[str, Any]] = field(default_factory=list)
    searches: int = 0

    def app(self) -> web.Application:
        app = web.Application(client_max_size=64 << 20)
        app.router.add_post("/v1/embeddings", self._embed)
        app.router.add_get("/collections/{name}/exists", self._exists)
        app.router.add_route("*", "/collections/{name}", self._collection)
        app.router.add_put("/collections/{name}/index", self._collection)
        app.router.add_put("/collections/{name}/points", self._put)
        app.router.add_post("/collections/{name}/points/search", self._search)
        return app

    async def _embed(self, request: web.Request) -> web.Response:
        asked = (await request.json())["input"]
        texts = [asked] if isinstance(asked, str) else asked
        self.embedded += [str(text) for text in texts]
        data = [
            {"object": "embedding", "index": index, "embedding": embedding(str(text)).tolist()}
            for index, text in enumerate(texts)
        ]
        usage = {"prompt_tokens": 1, "total_tokens": 1}
        return web.json_response({"object": "list", "data": data, "model": "words", "usage": usage})

    async def _exists(self, _: web.Request) -> web.Response:
        return web.json_response({"result": {"exists": False}})

    async def _collection(self, _: web.Request) -> web.Response:
        return web.json_response({"result": True, "status": "ok"})

    async def _put(self, request: web.Request) -> web.Response:
        self.points += (await request.json())["points"]
        return web.json_response({"result": {"status": "completed"}})

    async def _search(self, request: web.Request) -> web.Response:
        self.searches += 1
        asked = await request.json()
        wanted = [(rule["key"], rule["match"]["value"]) for rule in asked.get("filter", {}).get("must", ())]
        scored = [
            {"id": point["id"], "score": float(np.dot(point["vector"], asked["vector"])), "payload": point["payload"]}
            for point in self.points
            if all(point["payload"].get(key) == value for key, value in wanted)
        ]
        best = sorted(scored, key=lambda hit: -float(str(hit["score"])))[: asked["limit"]]
        return web.json_response({"result": best})


def embedding(text: str) -> np.ndarray:
    vector = np.zeros(SIZE)
    for word in re.findall(r"\w+", text.lower()):
        vector[hashlib.sha256(word.encode()).digest()[0]] += 1
    return vector / (np.linalg.norm(vector) or 1.0)
