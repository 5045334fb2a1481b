"""To somebody's API, entry by entry, with a bearer token. What was sent is the export: a line for each entry.

The token comes from the environment, never from an option: options are kept with the run and in the manifest.
"""

from __future__ import annotations

import http.client
import json
import os
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, HttpUrl

from exporters import RetriableError
from exporters.contextual import Context

TIMEOUT_SECONDS = 30.0
BUSY = (429, 503)


class PushOptions(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    url: HttpUrl = Field(description="Where entries are posted to, as JSON.")
    token_variable: str = Field(default="PUSH_TOKEN", description="The environment variable that holds the token.")


class Push:
    name = "example-push"
    description = "Posts every entry with its annotations to an API."
    options = PushOptions

    def export(self, context: Context) -> None:
        url: HttpUrl = context.options.url
        token = os.environ.get(context.options.token_variable)
        if not token:
            context.error(f"the environment has no {context.options.token_variable}; put the API's token there")
        sent = context.io.file(format="jsonl")
        connect = http.client.HTTPSConnection if url.scheme == "https" else http.client.HTTPConnection
        connection = connect(url.host or "", url.port, timeout=TIMEOUT_SECONDS)
        try:
            for dataset in context.datasets:
                for entry in dataset.entries():
                    annotations = [annotation.record for annotation in entry.annotations()]
                    status = self._post(connection, url, token, {"entry": entry.record, "annotations": annotations})
                    sent.write(json.dumps({"entry": entry.record.id, "status": status}) + "\n")
        finally:
            connection.close()

    def _post(self, connection: http.client.HTTPConnection, url: HttpUrl, token: str, document: Any) -> int:
        """Send one document; returns the status of the answer.

        Raises:
            RetriableError: the API cannot be reached, or is busy; the run tries all of it again a little later.
            ValueError: it refuses the document.
        """
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        target = (url.path or "/") + (f"?{url.query}" if url.query else "")
        try:
            connection.request("POST", target, json.dumps(document), headers)
            response = connection.getresponse()
            response.read()
        except (OSError, http.client.HTTPException) as error:
            raise RetriableError(f"{url.host} cannot be reached: {error}.") from None
        if response.status in BUSY:
            wait = response.headers.get("Retry-After", "")
            raise RetriableError(f"{url.host} is busy.", float(wait) if wait.isdecimal() else None)
        if not 200 <= response.status < 300:
            raise ValueError(f"{url.host} answers {response.status} to entry {document['entry']['id']}")
        return response.status
