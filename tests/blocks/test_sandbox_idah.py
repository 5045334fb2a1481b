"""The IDAH sandbox over real HTTP: what a client may rely on, and what it has to survive."""

import ast
import base64
import hashlib
import http.client
import json
import math
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from itertools import combinations, pairwise
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import numpy as np
import orjson
import pytest
from numpy.typing import NDArray
from PIL import Image

from blocks.sandbox.faults import Fault
from blocks.sandbox.idah import DEMO_API_KEY, DEMO_EMAIL, DEMO_PASSWORD, IdahSandbox
from blocks.sandbox.idah_dimensions import encode_tile, encode_tiles
from blocks.sandbox.scenes import draw_scene, is_negative
from blocks.sandbox.shapes import Box, Circle, Ellipse, Line, Mask, Point, Polygon, Shape
from tests.blocks.sandbox_client import Client

ABSENT_ID = "019b5c10-3a2b-7c3d-8e4f-000000000099"


@pytest.fixture(scope="module")
def sandbox() -> IdahSandbox:
    """For tests that only read."""
    return IdahSandbox(entries=48, datasets=2)


@pytest.fixture(scope="module")
def client(sandbox: IdahSandbox) -> Iterator[Client]:
    with sandbox.serve() as url:
        yield Client(url)


@pytest.fixture
def live() -> Iterator[tuple[IdahSandbox, Client]]:
    """For tests that change the platform."""
    sandbox = IdahSandbox(entries=8)
    with sandbox.serve() as url:
        yield sandbox, Client(url)


# Logins and tokens


def test_login_with_key(client: Client) -> None:
    """A key login answers with a token in ``meta`` only, and its end in Unix seconds."""
    answer = client.login(api_key=DEMO_API_KEY, token_expiration=120)
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "application/vnd.api+json"
    data = answer.json["data"]
    assert data["type"] == "iam:account_auths"
    assert set(data["attributes"]) == {
        *("email", "name", "picture_url", "role_name", "role_scope", "role_rights", "exp"),
    }
    assert 100 < data["attributes"]["exp"] - time.time() <= 120
    payload = answer.json["meta"]["token"].split(".")[1]
    assert json.loads(base64.urlsafe_b64decode(payload + "=="))["exp"] == data["attributes"]["exp"]


def test_login_with_password(client: Client) -> None:
    """An e-mail login lasts a day, has no role scope, and its token opens the same doors."""
    answer = client.post("iam/auth/login", {"email": DEMO_EMAIL, "password": DEMO_PASSWORD, "cookie": False})
    assert answer.json["data"]["attributes"]["role_scope"] is None
    assert 86_000 < answer.json["data"]["attributes"]["exp"] - time.time() <= 86_400
    token = answer.json["meta"]["token"]
    assert client.call("dataset/projects", Authorization=f"Bearer {token}").status == 200


@pytest.mark.parametrize(
    ("path", "body", "error"),
    [
        ("iam/auth/api/login", {"api_key": "nonsense"}, (401, "Invalid Key")),
        ("iam/auth/api/login", {"api_key": DEMO_API_KEY + "0"}, (401, "Invalid Key")),
        ("iam/auth/api/login", {"api_key": "IDAH_" + "0" * 64}, (401, "Invalid credentials")),
        ("iam/auth/api/login", {}, (422, "is required")),
        ("iam/auth/login", {"email": DEMO_EMAIL, "password": "wrong"}, (401, "invalid_credentials")),
    ],
)
def test_refused_login(client: Client, path: str, body: dict[str, str], error: tuple[int, str]) -> None:
    """A login that fails says why, as a JSON:API error."""
    answer = client.post(path, body)
    assert answer.error == error
    assert answer.headers["Content-Type"] == "application/json"


def test_missing_login_field_is_pointed_at(client: Client) -> None:
    """A missing field is a 422 with its pointer, and there alone the status is a number."""
    error = client.post("iam/auth/api/login", {}).json["errors"][0]
    assert error["status"] == 422
    assert error["source"] == {"pointer": "/api_key"}


@pytest.mark.parametrize(
    ("authorization", "detail"),
    [
        ("", "unauthorized_access"),
        ("bearer {token}", "unauthorized_access"),
        ("Bearer nonsense", "Not enough or too many segments"),
        ("Bearer {token}x", "Signature verification failed"),
    ],
)
def test_refused_token(client: Client, authorization: str, detail: str) -> None:
    """Without a good token after a capital-B ``Bearer`` everything is a 401."""
    token = client.headers["Authorization"].removeprefix("Bearer ")
    answer = client.call("dataset/entries", Authorization=authorization.format(token=token))
    assert answer.error == (401, detail)


def test_token_in_cookie(client: Client) -> None:
    """Without the header the cookie counts."""
    token = client.headers["Authorization"].removeprefix("Bearer ")
    assert client.call("dataset/projects", Authorization="", Cookie=f"auth-token={token}").status == 200


def test_token_lifetime() -> None:
    """A sandbox can end tokens earlier than the login asked for."""
    with IdahSandbox(entries=1, token_lifetime_seconds=0).serve() as url:
        assert Client(url).call("dataset/projects").error == (401, "Signature has expired")


def test_expired_tokens_are_renewed_by_a_login(live: tuple[IdahSandbox, Client]) -> None:
    """Ending all tokens leaves new logins working; revoking a key does the opposite."""
    sandbox, client = live
    sandbox.auth.expire_tokens()
    assert client.call("dataset/projects").error == (401, "Signature has expired")
    client = Client(client.url)
    assert client.call("dataset/projects").status == 200
    sandbox.auth.revoked_keys.add(DEMO_API_KEY)
    assert client.login().error == (401, "API key has been revoked or expired")
    assert client.call("dataset/projects").status == 200


# Documents


@pytest.mark.parametrize(
    ("path", "attributes", "relationships"),
    [
        ("dataset/projects", "name description created_by_email created_at updated_at organization_id", ""),
        (
            "dataset/datasets",
            (
                "project_id name labels modality labeling_configuration workflow_configuration status progress"
                " entries_total_count entries_completed_count entries_in_progress_count created_at updated_at"
            ),
            "project",
        ),
        (
            "dataset/entries",
            (
                "project_id dataset_id priority wf_step status job_id resource name assigned_to_id assigned_to_email"
                " submitted_by_id submitted_by_email reviewed_by_id reviewed_by_email created_at updated_at"
            ),
            "dataset project",
        ),
        (
            "dataset/annotations",
            "project_id dataset_id entry_id dimensions annotation metadata created_by_email created_at updated_at",
            "project dataset entry",
        ),
        (
            "media/medias",
            "resource key filename size mime_type created_by created_role public meta created_at updated_at project_id",
            "",
        ),
    ],
)
def test_records(client: Client, path: str, attributes: str, relationships: str) -> None:
    """Records have the platform's attributes and relationships in its order, and times without T and fraction."""
    answer = client.call(f"{path}?page[size]=1")
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.body.startswith(b'{\n  "data": [\n    {\n      "type": "' + path.replace("/", ":").encode())
    record = answer.json["data"][0]
    assert " ".join(record["attributes"]) == attributes
    assert " ".join(record.get("relationships", {})) == relationships
    assert re.fullmatch(r"2026-03-\d\d \d\d:\d\d:\d\d \+0000", record["attributes"]["created_at"])
    assert answer.json["meta"] == {}


def test_single_record(client: Client, sandbox: IdahSandbox) -> None:
    """A record by its id is the same as in the listing, in a document without ``meta``."""
    for path in ("dataset/projects", "dataset/datasets", "dataset/entries", "dataset/annotations"):
        listed = client.call(f"{path}?page[size]=1").json["data"][0]
        assert client.call(f"{path}/{listed['id']}").json == {"data": listed}
    assert client.call(f"dataset/entries/{ABSENT_ID}").error == (404, f'{{id: "{ABSENT_ID}"}}')
    assert client.call("dataset/entries/x").error[0] == 500


def test_content_type_follows_the_request(client: Client) -> None:
    """A request with a Content-Type gets the JSON:API type back; a JSON one without a body is a 400."""
    assert client.call("dataset/projects", Content_Type="text/plain").headers["Content-Type"] == (
        "application/vnd.api+json"
    )
    answer = client.call("dataset/projects", Content_Type="application/json")
    assert answer.error == (400, "Verse::Error::BadRequest")
    assert answer.json["type"] == "Verse::Error::BadRequest"


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "dataset/datasets/"), ("GET", "dataset/nothing"), ("DELETE", "dataset/datasets"), ("GET", "elsewhere")],
)
def test_unknown_routes(client: Client, method: str, path: str) -> None:
    """Unknown paths and methods, and a trailing slash, are a 404 in plain JSON."""
    answer = client.call(path, method=method)
    assert answer.error == (404, "verse.errors.not_found")
    assert answer.json["type"] == "Verse::Error::NotFound"


# The query language


def test_pages(client: Client, sandbox: IdahSandbox) -> None:
    """Pages of any size put together are the whole list in the order of its ids, and past the end is an empty page."""
    dataset = sandbox.store.datasets[1].id
    whole = client.call(f"dataset/annotations?filter[dataset_id]={dataset}").ids
    assert whole == sorted(whole)
    pages = [
        client.call(f"dataset/annotations?filter[dataset_id]={dataset}&page[number]={number}&page[size]=50").ids
        for number in range(1, len(whole) // 50 + 3)
    ]
    assert [identifier for page in pages for identifier in page] == whole
    assert pages[-1] == []


def test_count_is_not_the_total() -> None:
    """``count`` is the offset plus at most 1,000 of what is left, even past the end."""
    with IdahSandbox(entries=2500).serve() as url:
        client = Client(url)
        metas = [client.call(f"dataset/entries?count=true&page[number]={n}").json["meta"] for n in (1, 2, 3, 4)]
    assert metas == [
        {"count": 1000, "more": True},
        {"count": 2000, "more": True},
        {"count": 2500, "more": False},
        {"count": 3000, "more": False},
    ]


@pytest.mark.parametrize(
    ("query", "pointer", "detail"),
    [
        ("page[size]=1001", "/page/size", "must be between 1 and 1000"),
        ("page[size]=0", "/page/size", "must be between 1 and 1000"),
        ("page[number]=0", "/page/number", "must be positive"),
        ("page=2", "/page", "must be a hash"),
        ("filter=x", "/filter", "must be a hash"),
        ("count=1", "/count", "must be a boolean"),
        ("included=project", "/included", "must be an array"),
        ("fields[dataset:datasets]=name,status", "/fields/dataset:datasets", "must be an array"),
    ],
)
def test_invalid_parameters(client: Client, query: str, pointer: str, detail: str) -> None:
    """Parameters of a wrong shape are a 422 that points at them."""
    answer = client.call(f"dataset/datasets?{query}")
    assert answer.error == (422, detail)
    assert answer.json["errors"][0]["source"] == {"pointer": pointer}


@pytest.mark.parametrize(
    ("path", "query", "expected"),
    [
        ("entries", "filter[status]=completed", lambda row: row["status"] == "completed"),
        ("entries", "filter[status__in][]=errored&filter[status__in][]=in_progress", lambda row: row["assigned_to_id"]),
        ("entries", "filter[status][]=in_progress", lambda row: row["status"] == "in_progress"),
        ("entries", "filter[assigned_to_id]", lambda row: row["assigned_to_id"] is None),
        ("entries", "filter[assigned]=true", lambda row: row["assigned_to_id"] is not None),
        ("entries", "filter[participated]=13", lambda row: row["reviewed_by_id"] == 13),
        ("entries", "filter[name__match]=CAM_00001", lambda row: row["name"].startswith("cam_00001")),
        ("entries", "filter[name]=", lambda row: row["name"] == ""),
        ("entries", "filter[id__gt]=x&filter[updated_at__gte]=2099-01-01&filter[type]=x", lambda row: True),
        ("annotations", "filter[updated_at__gt]=2026-03-09T16:11:26", lambda row: True),  # the fraction is not shown
        ("annotations", "filter[updated_at__gt]=2026-03-09%2016:11:27%20%2B0900", lambda row: False),
        ("annotations", "filter[dimensions][type]=entry:root", lambda row: row["dimensions"] == {"type": "entry:root"}),
        ("annotations", "filter[annotation][category]=person", lambda row: False),  # the whole document is compared
        ("datasets", "filter[progress__gte]=0.5", lambda row: row["progress"] >= 0.5),
        ("datasets", "filter[created_at__lte]=2026-03-02", lambda row: False),
    ],
)
def test_filters(client: Client, path: str, query: str, expected: Any) -> None:
    """Filters do what the platform does; those it does not know change nothing."""
    everything = client.call(f"dataset/{path}").json["data"]
    wanted = [row["id"] for row in everything if expected(row["attributes"])]
    assert client.call(f"dataset/{path}?{query}").ids == wanted


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("dataset/entries", "filter[status__in]=completed"),
        ("dataset/entries", "filter[dataset_id]=x"),
        ("dataset/entries", "filter[id][]=x"),
        ("dataset/entries", "filter[priority]="),
        ("dataset/entries", "sort=nothing"),
        ("media/medias", "sort=updated_at"),
        ("media/medias", "filter[updated_at]"),
    ],
)
def test_database_errors(client: Client, path: str, query: str) -> None:
    """What the database refuses is a 500, although the request is to blame."""
    status, detail = client.call(f"{path}?{query}").error
    assert (status, detail[:4]) == (500, "PG::")


def test_batches(client: Client, sandbox: IdahSandbox) -> None:
    """A list of ids fetches the rows of many at once, with brackets encoded or not."""
    entries = sandbox.store.entries_of(sandbox.store.datasets[0].id)
    plain = "&".join(f"filter[entry_id][]={entry.id}" for entry in entries[3:6])
    answer = client.call(f"dataset/annotations?{plain}")
    assert answer.ids == [row.id for entry in entries[3:6] for row in sandbox.store.annotations_of(entry.id)]
    assert client.call(f"dataset/annotations?{quote(plain, safe='=&')}").body == answer.body
    resources = "&".join(f"filter[resource][]={entry.resource}" for entry in entries)
    medias = client.call(f"media/medias?{resources}&filter[key]=").json["data"]
    assert {row["attributes"]["resource"] for row in medias} == {entry.resource for entry in entries}
    assert {row["attributes"]["key"] for row in medias} == {""}


def test_longest_query(client: Client) -> None:
    """A query string of up to 10 KiB passes, a longer one is a 400."""
    pair = f"filter%5Bentry_id%5D%5B%5D={ABSENT_ID}&"
    assert client.call(f"dataset/annotations?{pair * 150}").ids == []
    assert client.call(f"dataset/annotations?{pair * 200}").status == 400


def test_sort(client: Client) -> None:
    """Only the last of several sort keys takes effect."""
    ids = client.call("dataset/entries").ids
    assert client.call("dataset/entries?sort=status,-id").ids == ids[::-1]
    names = [row["attributes"]["name"] for row in client.call("dataset/entries?sort=-name").json["data"]]
    assert names == sorted(names, reverse=True)


def test_included(client: Client, sandbox: IdahSandbox) -> None:
    """Related records come once; names that cannot be included are ignored or refused, by the platform's rules."""
    document = client.call("dataset/datasets?included[]=project").json
    assert list(document) == ["data", "included", "meta"]
    assert [row["id"] for row in document["included"]] == [sandbox.store.project.id]
    assert client.call("dataset/annotations?included[]=entry").status == 200
    assert client.call("dataset/datasets?included[]=annotations").status == 422
    annotation = client.call("dataset/annotations?page[size]=1").ids[0]
    assert client.call(f"dataset/annotations/{annotation}?included[]=entry").status == 422
    assigned = client.call("dataset/entries?filter[assigned]=true&page[size]=1&included[]=assigned_to").json
    assert assigned["data"][0]["relationships"]["assigned_to"]["data"]["id"] == assigned["included"][0]["id"] == "8"


def test_included_entries_are_cut() -> None:
    """``included[]=entries`` brings 1,000 at most, without a sign."""
    with IdahSandbox(entries=1001).serve() as url:
        document = Client(url).call("dataset/datasets?included[]=entries").json
    assert (len(document["included"]), document["meta"]) == (1000, {})


def test_fields(client: Client) -> None:
    """``fields`` cuts attributes and leaves relationships."""
    record = client.call("dataset/entries?fields[dataset:entries][]=name&page[size]=1").json["data"][0]
    assert list(record["attributes"]) == ["name"]
    assert "relationships" in record


# Media


def test_media_files(client: Client, sandbox: IdahSandbox) -> None:
    """Every file has the length its row says; the original is a JPEG of the size in its ``meta``."""
    entry = sandbox.store.entries_of(sandbox.store.datasets[0].id)[0]
    rows = client.call(f"media/medias?filter[resource]={entry.resource}").json["data"]
    assert sorted(row["attributes"]["key"] for row in rows) == ["", "processed.webp", "thumbnail.webp"]
    for row in rows:
        media = row["attributes"]
        path = f"media/medias/files/{entry.resource}"
        file = client.call(f"{path}/{media['key']}" if media["key"] else path)
        assert len(file.body) == media["size"] == int(file.headers["Content-Length"])
        assert file.headers["Content-Type"] == media["mime_type"]
        assert client.call(f"{path}?key={media['key']}", Range="bytes=10-20").body == file.body
        head = client.call(path + f"?key={media['key']}", method="HEAD")
        assert (head.body, head.headers["Content-Length"]) == (b"", str(media["size"]))
        info = client.call(f"media/medias/info/{entry.resource}?key={media['key']}")
        assert info.json == {"data": row}
        with Image.open(BytesIO(file.body)) as image:
            assert f"image/{image.format}".lower() == media["mime_type"]
            if not media["key"]:
                assert media["meta"] == {"width": image.width, "height": image.height, "format": "jpeg"}


@pytest.mark.parametrize("path", ["media/medias/files/nope.jpg", "media/medias/files/nope.jpg/thumbnail.webp"])
def test_absent_media(client: Client, path: str) -> None:
    """A missing file is a 404 in plain JSON, as every error of media files."""
    key = "thumbnail.webp" if path.endswith("webp") else ""
    answer = client.call(path)
    assert answer.error == (404, f'{{resource: "nope.jpg", key: "{key}"}}')
    assert "errors" not in answer.json
    assert client.call(path, Authorization="").json["type"] == "Verse::Error::Authorization"
    assert client.call("media/medias/info/nope.jpg").json["errors"][0]["status"] == "404"


# Truth


def decode_tile(rle: str) -> NDArray[np.bool_]:
    """A second reading of the platform's description, for 16,384 pixels in a row."""
    data = iter(base64.b64decode(rle, validate=True))
    tile, position, is_painted = np.zeros(128 * 128, dtype=np.bool_), 0, False
    for byte in data:
        run = (byte & 0x7F) << 8 | next(data) if byte & 0x80 else byte
        tile[position : position + run] = is_painted
        position, is_painted = position + run, not is_painted
    assert position < tile.size
    tile[position:] = is_painted
    return tile


def read_shape(dimensions: dict[str, Any], width: int, height: int) -> Shape | None:
    """An annotation's shape back in pixels, rounded to a millionth."""
    points: list[Any] = [(round(x * width, 6), round(y * height, 6)) for x, y in dimensions.get("points", [])]
    match dimensions["type"].removeprefix("idah-image:"):
        case "bounding-box":
            (left, top), _, (right, bottom), _ = points
            assert points[1] == (right, top)
            assert points[3] == (left, bottom)
            return Box(left, top, right - left, bottom - top, dimensions["angle"])
        case "polygon":
            return Polygon(tuple(points))
        case "line":
            return Line(*points)
        case "circle":
            ((cx, cy),) = points
            return Circle(cx, cy, round(dimensions["radius"] * min(width, height), 6))
        case "ellipse":
            (cx, cy), (rx, ry) = points
            return Ellipse(cx, cy, rx, ry, dimensions["angle"])
        case "mask":
            return read_mask(dimensions, width, height)
    return None


def read_mask(dimensions: dict[str, Any], width: int, height: int) -> Mask:
    canvas = np.zeros((height + 128, width + 128), dtype=np.bool_)
    for key, tile in dimensions.items():
        if match := re.fullmatch(r"tile-([0-9]+)x([0-9]+)", key):
            left, top = 128 * int(match[1]), 128 * int(match[2])
            canvas[top : top + 128, left : left + 128] = decode_tile(tile["rle"]).reshape(128, 128)
    assert not canvas[height:].any()
    assert not canvas[:, width:].any()
    return Mask(canvas[:height, :width])


def test_annotations_are_the_truth(client: Client, sandbox: IdahSandbox) -> None:
    """Every annotation of an annotated entry, read back into pixels, is an object of the scene; the last labels all."""
    seen = set()
    for entry in sandbox.store.entries_of(sandbox.store.datasets[0].id):
        scene = sandbox.store.scene(entry.id)
        rows = client.call(f"dataset/annotations?filter[entry_id]={entry.id}").json["data"]
        if not entry.is_annotated or is_negative(entry.scene):
            assert rows == []
            continue
        *objects, root = (row["attributes"] for row in rows)
        assert [read_shape(it["dimensions"], scene.width, scene.height) for it in objects] == [
            item.shape for item in scene.objects
        ]
        assert [it["annotation"] for it in objects] == [
            {"category": item.category, "attributes": dict(item.attributes)} for item in scene.objects
        ]
        assert (root["dimensions"], root["annotation"]["category"]) == ({"type": "entry:root"}, scene.time_of_day)
        assert [sandbox.store.truth(row["id"]) for row in rows] == [*scene.objects, None]
        seen |= {it["dimensions"]["type"] for it in objects} | {type(item.shape) for item in scene.objects}
    assert {Box, Polygon, Mask, Line, Circle, Ellipse} <= seen


def test_labels_are_configured(client: Client, sandbox: IdahSandbox) -> None:
    """Every shape type, category and property that annotations use is in the labelling configuration."""
    configuration = client.call("dataset/datasets").json["data"][0]["attributes"]["labeling_configuration"]
    for row in client.call("dataset/annotations").json["data"]:
        shape, label = row["attributes"]["dimensions"]["type"], row["attributes"]["annotation"]
        assert label["category"] in {value["id"] for value in configuration[shape]["values"]}
        assert set(label["attributes"]) <= {value["id"] for value in configuration[shape]["properties"]}


def test_a_small_sandbox_has_everything(sandbox: IdahSandbox) -> None:
    """Two dozen entries hold unfinished ones, negatives, names used twice, and boxes that are turned or stick out."""
    store = sandbox.store
    entries = store.entries_of(store.datasets[0].id)[:24]
    assert {entry.status for entry in entries} == {"completed", "in_progress"}
    assert {bool(store.annotations_of(entry.id)) for entry in entries if entry.status == "in_progress"} == {True, False}
    assert {bool(store.annotations_of(entry.id)) for entry in entries if entry.status == "completed"} == {True, False}
    assert len({entry.name for entry in entries}) == 22
    assert len({entry.resource for entry in entries}) == 24
    boxes = [(store.scene(entry.id), item.shape) for entry in entries for item in store.scene(entry.id).objects]
    assert any(isinstance(box, Box) and box.angle for _, box in boxes)
    assert any(isinstance(box, Box) and (box.left < 0 or box.left + box.width > scene.width) for scene, box in boxes)


def test_scenes_are_sound() -> None:
    """Scenes hold 3 to 6 objects or none, one mask a category at most, and outlines that never cross themselves."""
    for index in range(400):
        scene = draw_scene(1, index)
        assert len(scene.objects) in ({0} if is_negative(index) else {3, 4, 5, 6})
        masks = [item for item in scene.objects if isinstance(item.shape, Mask)]
        assert len({item.category for item in masks}) == len(masks)
        for item in scene.objects:
            match item.shape:
                case Mask(pixels):
                    assert pixels.shape == (scene.height, scene.width)
                    assert pixels.any()
                case Polygon(points):
                    assert is_simple(points)
                    assert all(0 <= x <= scene.width and 0 <= y <= scene.height for x, y in points)
                case Box() as box if box.angle:
                    assert all(0 <= x <= scene.width and 0 <= y <= scene.height for x, y in box.outline())


def is_simple(points: tuple[tuple[int, int], ...]) -> bool:
    """No corner is a straight line, and no two edges that are not neighbours touch."""
    ring = (*points, *points[:2])
    if any(turning(*ring[at : at + 3]) == 0 for at in range(len(points))):
        return False
    edges = list(pairwise(ring[:-1]))
    apart = [(a, b) for a, b in combinations(edges, 2) if not {*a} & {*b}]
    return not any(
        turning(*a, b[0]) * turning(*a, b[1]) <= 0 and turning(*b, a[0]) * turning(*b, a[1]) <= 0 for a, b in apart
    )


def turning(a: Point, b: Point, c: Point) -> float:
    return (b[0] - a[0]) * (c[1] - b[1]) - (b[1] - a[1]) * (c[0] - b[0])


def test_pictures_show_the_objects() -> None:
    """The last object of a scene is painted in its category's colour, where the truth says."""
    painted = {"vehicles/car": (0xF6, 0x40, 0x2B), "vehicles/bus": (0x3C, 0x4D, 0xB7), "person": (0x00, 0x96, 0x87)}
    for index in range(30):
        scene = draw_scene(3, index)
        if not scene.objects:
            continue
        item = scene.objects[-1]
        with Image.open(BytesIO(scene.jpeg())) as image:
            assert image.size == (scene.width, scene.height)
            match item.shape:
                case Box(left, top, width, height, angle) if not angle:
                    inside = (left + width // 2, top + height // 2)
                case Mask(pixels):
                    rows, columns = np.nonzero(pixels)
                    inside = (int(columns[len(columns) // 2]), int(rows[len(rows) // 2]))
                case _:
                    continue
            colour = image.convert("RGB").getpixel(inside)
            assert isinstance(colour, tuple)
            assert math.dist(colour, painted[item.category]) < 60  # JPEG blurs colours at edges


@pytest.mark.parametrize(
    ("first", "last", "rle"),
    [
        (0, 16384, "AA=="),
        (0, 1, "AAE="),
        (16383, 16384, "v/8="),
        (127, 128, "fwE="),
        (128, 129, "gIAB"),
        (128, 256, "gICAgA=="),
        (5, 8, "BQM="),
        (8192, 16384, "oAA="),
    ],
)
def test_tile_vectors(first: int, last: int, rle: str) -> None:
    """Tiles are encoded byte for byte as by the platform; the last run is never written."""
    flat = np.zeros(128 * 128, dtype=np.bool_)
    flat[first:last] = True
    assert encode_tile(flat.reshape(128, 128)) == rle
    assert np.array_equal(decode_tile(rle), flat)


def test_mask_sample() -> None:
    """The platform's sample mask, a disc over four tiles of a 300 x 200 image, is encoded byte for byte."""
    rows, columns = np.ogrid[0.5:200.5, 0.5:300.5]
    disc = (columns - 150) ** 2 + (rows - 120) ** 2 < 60**2
    assert disc.sum() == 11_304
    tiles = {name: tile["rle"] for name, tile in encode_tiles(disc).items()}
    assert tiles == {
        "tile-0x0": (
            "oH8BfQN7BXkHdwl2CnQMcw1xD3AQbxFuEm0TbBRrFWoWaRdoGGcZZhpmGmUbZBxkHGMdYh5iHmEfYR9gIGAgXyFfIV4iXiJe"
            "Il0jXSNdI1wkXCRcJFwkWyVbJVslWyVbJVomWiZaJlomWiZaJlomWiZaJlomWiZaJlomWiZaJlo="
        ),
        "tile-1x0": (
            "ng4QaxpiIlsoVi1TL1ExTzNNNUs2SjhIOUc7RTxEPUM+Qj9BQEBBP0I+Qz1EPEU7RjpGOkc5SDhIOEk3SjZKNks1SzVMNEw0"
            "TTNNM04yTjJOMk8xTzFPMVAwUDBQMFAwUS9RL1EvUS9RL1IuUi5SLlIuUi5SLlIuUi5SLlIuUi5SLlIuUi5SLlI="
        ),
        "tile-0x1": (
            "WyVbJVslWyVbJVwkXCRcJFwkXSNdI10jXiJeIl4iXyFfIWAgYCBhH2EfYh5iHmMdZBxkHGUbZhpmGmcZaBhpF2oWaxVsFG0T"
            "bhJvEXAQcQ9zDXQMdgp3CXkHewV9A38B"
        ),
        "tile-1x1": (
            "AFEvUS9RL1EvUS9QMFAwUDBQME8xTzFPMU4yTjJOMk0zTTNMNEw0SzVLNUo2SjZJN0g4SDhHOUY6RjpFO0Q8Qz1CPkE/QEA/"
            "QT5CPUM8RDtFOUc4SDZKNUszTTFPL1EtVShbImIaaxA="
        ),
    }
    back = read_mask(encode_tiles(disc), 300, 200)
    assert hashlib.sha256(back.pixels.astype(np.uint8).tobytes()).hexdigest() == (
        "79b4da9fdf451de85bd3afca737337abecbd5e31243ced80504034f52bef44b3"
    )


def test_same_arguments_serve_the_same_bytes() -> None:
    """Two sandboxes with the same arguments serve the same bytes, another seed serves others."""

    def everything(seed: int) -> list[bytes]:
        sandbox = IdahSandbox(entries=6, seed=seed)
        with sandbox.serve() as url:
            client = Client(url)
            tables = ("dataset/projects", "dataset/datasets", "dataset/entries", "dataset/annotations", "media/medias")
            bodies = [client.call(path).body for path in tables]
            resource = client.call("dataset/entries").json["data"][2]["attributes"]["resource"]
            return [*bodies, client.call(f"media/medias/files/{resource}").body]

    assert everything(7) == everything(7)
    assert not set(everything(7)) & set(everything(8))


# A platform that changes


def test_deleted_annotation_leaves_no_trace(live: tuple[IdahSandbox, Client]) -> None:
    """A deleted annotation is gone from lists and by id, and no ``updated_at`` tells."""
    sandbox, client = live
    before = [client.call(f"dataset/{path}").body for path in ("entries", "datasets")]
    ids = client.call("dataset/annotations").ids
    sandbox.store.delete_annotation(ids[3])
    assert client.call("dataset/annotations").ids == ids[:3] + ids[4:]
    assert client.call(f"dataset/annotations/{ids[3]}").status == 404
    assert [client.call(f"dataset/{path}").body for path in ("entries", "datasets")] == before


def test_added_annotation(live: tuple[IdahSandbox, Client]) -> None:
    """An added annotation sorts last and moves its entry's ``updated_at``; raw JSON may repeat a key."""
    sandbox, client = live
    entry = client.call("dataset/entries").ids[0]
    before = client.call(f"dataset/entries/{entry}").json["data"]["attributes"]["updated_at"]
    stale = orjson.Fragment(b'{"type": "idah-image:mask", "tile-0x0": {"rle": "AA=="}, "tile-0x0": {"rle": "AAE="}}')
    added = sandbox.store.add_annotation(entry, stale)
    answer = client.call("dataset/annotations")
    assert answer.ids[-1] == added.id
    assert answer.body.count(b'"AA=="') == 1
    assert answer.json["data"][-1]["attributes"]["dimensions"]["tile-0x0"] == {"rle": "AAE="}
    assert client.call(f"dataset/entries/{entry}").json["data"]["attributes"]["updated_at"] > before


def test_pages_move_while_they_are_read(live: tuple[IdahSandbox, Client]) -> None:
    """A row deleted in front of the reader's position makes it miss one, one inserted there makes it see one twice."""
    sandbox, client = live
    first, second, third, *_ = client.call("dataset/entries").ids
    sandbox.store.delete_entry(first)
    assert client.call("dataset/entries?page[size]=1&page[number]=2").ids == [third]
    sandbox.store.add_entry(id=ABSENT_ID, name="early.jpg", is_annotated=False)
    assert client.call("dataset/entries?page[size]=1&page[number]=2").ids == [second]
    assert client.call(f"dataset/annotations?filter[entry_id]={ABSENT_ID}").ids == []
    assert client.call(f"dataset/annotations?filter[entry_id]={first}").ids == []


def test_deleted_entry(live: tuple[IdahSandbox, Client]) -> None:
    """A deleted entry takes its annotations along, leaves its media, and moves the dataset's counters and time."""
    sandbox, client = live
    before = client.call("dataset/datasets").json["data"][0]["attributes"]
    entry, annotations = (
        sandbox.store.entries_of(sandbox.store.datasets[0].id)[0],
        client.call("dataset/annotations").ids,
    )
    own = client.call(f"dataset/annotations?filter[entry_id]={entry.id}").ids
    sandbox.store.delete_entry(entry.id)
    assert own
    assert client.call("dataset/annotations").ids == [row for row in annotations if row not in own]
    assert client.call(f"dataset/entries/{entry.id}").status == 404
    assert client.call(f"media/medias/files/{entry.resource}").status == 200
    after = client.call("dataset/datasets").json["data"][0]["attributes"]
    assert [before[f"entries_{name}_count"] - after[f"entries_{name}_count"] for name in ("total", "completed")] == [
        1,
        1,
    ]
    assert after["updated_at"] > before["updated_at"]


def test_added_entries(live: tuple[IdahSandbox, Client]) -> None:
    """Added entries have media and annotations, may share media with another, or have none."""
    sandbox, client = live
    other = sandbox.store.entries_of(sandbox.store.datasets[0].id)[1]
    added = sandbox.store.add_entry(name="../new.jpg")
    shared = sandbox.store.add_entry(resource=other.resource)
    sandbox.store.add_entry(resource=None)
    assert len(client.call(f"dataset/annotations?filter[entry_id]={added.id}").ids) == len(
        sandbox.store.scene(added.id).objects,
    ) + bool(sandbox.store.scene(added.id).objects)
    assert client.call(f"media/medias/files/{added.resource}").body == sandbox.store.scene(added.id).jpeg()
    assert sandbox.store.scene(shared.id) == sandbox.store.scene(other.id)
    assert client.call(f"dataset/entries?filter[resource]={other.resource}").ids == [other.id, shared.id]
    assert client.call("dataset/entries?filter[resource]").json["data"][0]["attributes"]["resource"] is None
    assert client.call("dataset/datasets").json["data"][0]["attributes"]["entries_total_count"] == 11
    sandbox.store.delete_media(other.resource or "")
    assert client.call(f"media/medias/files/{other.resource}").status == 404


def test_counters_lie(live: tuple[IdahSandbox, Client]) -> None:
    """Completing, reopening and completing again counts twice, so that a dataset can claim more than it has."""
    sandbox, client = live
    dataset = sandbox.store.datasets[0]
    entry = client.call("dataset/entries?filter[status]=completed").ids[0]
    assert (dataset.entries_completed_count, dataset.status) == (7, "in_progress")
    for _ in range(2):
        sandbox.store.reopen_entry(entry)
        sandbox.store.complete_entry(entry)
    attributes = client.call("dataset/datasets").json["data"][0]["attributes"]
    assert attributes["entries_completed_count"] == 9
    assert attributes["progress"] > 1
    assert attributes["status"] == "completed"
    assert client.call("dataset/entries?filter[status]=in_progress").ids != []


# Faults


def test_scripted_status(live: tuple[IdahSandbox, Client]) -> None:
    """A fault answers the requests it matches as often as it says, after those it lets pass, and none beside."""
    sandbox, client = live
    sandbox.faults.append(Fault(r"dataset/entries", status=429, retry_after=3, times=2, after=1))
    assert client.call("dataset/projects").status == 200
    answers = [client.call("dataset/entries") for _ in range(4)]
    assert [answer.status for answer in answers] == [200, 429, 429, 200]
    assert answers[1].headers["Retry-After"] == "3"
    assert sandbox.faults[0].hits == 2
    assert sandbox.requests["dataset/entries"] == 4


def test_proxy_page(live: tuple[IdahSandbox, Client]) -> None:
    """A proxy's error is a page of HTML."""
    sandbox, client = live
    sandbox.faults.append(Fault("GET", status=502, kind="html"))
    answer = client.call("dataset/entries")
    assert (answer.status, answer.headers.get_content_type()) == (502, "text/html")
    assert b"<h1>502" in answer.body


def test_reset(live: tuple[IdahSandbox, Client]) -> None:
    """A reset connection answers nothing, and the next one works."""
    sandbox, client = live
    sandbox.faults.append(Fault("dataset/entries", kind="reset"))
    with pytest.raises(ConnectionResetError):
        client.call("dataset/entries")
    assert client.call("dataset/entries").status == 200


def test_truncated_body(live: tuple[IdahSandbox, Client]) -> None:
    """A truncated file ends at half of its Content-Length."""
    sandbox, client = live
    sandbox.faults.append(Fault("media/medias/files", kind="truncate"))
    media = sandbox.store.medias_of(client.call("dataset/entries").json["data"][0]["attributes"]["resource"])[0]
    with pytest.raises(http.client.IncompleteRead) as caught:
        client.call(f"media/medias/files/{media.resource}?key={media.key}")
    assert caught.value.partial == media.content[: media.size // 2]


@pytest.mark.parametrize("kind", ["stall", "wrong_length"])
def test_silence(live: tuple[IdahSandbox, Client], kind: Any) -> None:
    """A stalled file, and one under too large a length, leave the client waiting; the sandbox still stops at once."""
    sandbox, client = live
    resource = client.call("dataset/entries").json["data"][0]["attributes"]["resource"]
    original = sandbox.store.gallery.media(0, "")
    sandbox.faults.append(Fault("media/medias/files", kind=kind))
    received = client.converse(f"media/medias/files/{resource}")
    head, _, body = received.partition(b"\r\n\r\n")
    declared = len(original) if kind == "stall" else len(original) + 64
    assert f"Content-Length: {declared}".encode() in head
    assert body == (original[: len(original) // 2] if kind == "stall" else original)


def test_too_small_a_length(live: tuple[IdahSandbox, Client]) -> None:
    """Under too small a length a short body looks complete, and its rest stands in the way of the next answer."""
    sandbox, client = live
    resource = client.call("dataset/entries").json["data"][0]["attributes"]["resource"]
    original = sandbox.store.gallery.media(0, "")
    sandbox.faults.append(Fault("media/medias/files", kind="wrong_length", length_error_bytes=-100))
    received = client.converse(f"media/medias/files/{resource}", "dataset/projects")
    head, _, rest = received.partition(b"\r\n\r\n")
    assert f"Content-Length: {len(original) - 100}".encode() in head
    assert rest.startswith(original + b"HTTP/1.1 200 OK")


# Running it


def test_traffic_is_counted() -> None:
    """Requests are counted by kind, with the most that were under way at once, while latency holds them."""
    sandbox = IdahSandbox(entries=4, latency_seconds=0.2)
    with sandbox.serve() as url:
        client = Client(url)
        entry = client.call("dataset/entries").ids[0]
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(client.call, [f"dataset/entries/{entry}"] * 4))
        client.call("nowhere")
    assert sandbox.requests == {"iam/auth/api/login": 1, "dataset/entries": 1, "dataset/entries/:id": 4, "?": 1}
    assert sandbox.peaks["dataset/entries/:id"] == 4


def test_stops_at_once_and_quietly(capfd: pytest.CaptureFixture[str]) -> None:
    """A sandbox ends promptly with connections open and a request stalled, frees its port, and says nothing."""
    sandbox = IdahSandbox(entries=1)
    sandbox.faults.append(Fault("projects", kind="stall"))
    with sandbox.serve() as url:
        client = Client(url)
        idle = socket.create_connection(client.address)
        stalled = http.client.HTTPConnection(*client.address)
        stalled.request("GET", "/api/v1/dataset/projects", headers=client.headers)
        while not sandbox.requests["dataset/projects"]:
            time.sleep(0.01)
        started = time.monotonic()
    assert time.monotonic() - started < 2
    idle.close()
    stalled.close()
    with sandbox.serve(port=urlsplit(url).port or 0) as again:
        assert again == url
    assert capfd.readouterr() == ("", "")


def test_a_port_in_use_is_the_callers_error() -> None:
    """A sandbox that cannot have its port raises where it was started."""
    with (
        IdahSandbox(entries=1).serve() as url,
        pytest.raises(OSError, match="in use"),
        IdahSandbox(entries=1).serve(port=urlsplit(url).port or 0),
    ):
        pass


def test_large_sandboxes_start_quickly() -> None:
    """Fifty thousand entries start within seconds, and the first page comes at once."""
    started = time.monotonic()
    with IdahSandbox(entries=50_000).serve() as url:
        assert len(Client(url).call("dataset/entries?page[number]=50").ids) == 1000
    assert time.monotonic() - started < 10


def test_runs_in_the_foreground() -> None:
    """``run_forever`` reports its URL, serves, and ends with an interrupt."""
    program = (
        "from blocks.sandbox.idah import IdahSandbox\n"
        "try: IdahSandbox(entries=1).run_forever(0, on_start=lambda url: print(url, flush=True))\n"
        "except KeyboardInterrupt: print('interrupted')"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        client = Client(process.stdout.readline().strip())
        assert client.call("dataset/projects").status == 200
        process.send_signal(signal.SIGINT)
        assert process.stdout.read() == "interrupted\n"
    assert process.returncode == 0


def test_stands_alone() -> None:
    """The sandbox imports neither Prefect nor any client: it is a second reading of the protocol."""
    imported = set()
    for path in Path(sys.modules["blocks.sandbox.idah"].__file__ or "").parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom):
                imported.add(node.module or "")
            elif isinstance(node, ast.Import):
                imported |= {name.name for name in node.names}
    ours = {name for name in imported if name.split(".")[0] in {"blocks", "exporters", "flows", "prefect"}}
    assert all(name.startswith("blocks.sandbox") for name in ours)
