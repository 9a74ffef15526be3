"""The web server of the demo: the sample months as the mirror serves them, and a page of products.

Run as ``python -m local.file_server FOLDER PORT``. It listens on 127.0.0.1 unless an address follows.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import uvicorn
from starlette.applications import Starlette
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

if TYPE_CHECKING:
    from starlette.requests import Request

_GOODS = (
    "Meter",
    "Roof light",
    "Seat cover",
    "Card reader",
    "Map of the zones",
    "Phone holder",
    "Receipt roll",
)
_BRANDS = ("Checker", "Crown", "Medallion", None)
_PRODUCTS = 194


def application(folder: Path) -> Starlette:
    """Return the server's application; files have entity tags and can be requested in parts.

    :param folder: the files
    """
    return Starlette(routes=[Route("/products", _products), Mount("/", StaticFiles(directory=folder))])


async def _products(request: Request) -> Response:
    limit, skip = (
        request.query_params.get(name, default) for name, default in (("limit", "30"), ("skip", "0"))
    )
    if not (limit.isdecimal() and skip.isdecimal()):
        return PlainTextResponse("limit and skip must be whole numbers", 400)
    return JSONResponse(page(int(limit), int(skip)))


def page(limit: int, skip: int) -> dict[str, object]:
    """Return one page of products, as public test APIs have them; some have no brand.

    :param limit: products on the page; 0 for all
    :param skip: products before the page
    """
    products = [_product(number) for number in range(1, _PRODUCTS + 1)][skip:]
    shown = products[:limit] if limit else products
    return {"products": shown, "total": _PRODUCTS, "skip": skip, "limit": len(shown)}


def _product(number: int) -> dict[str, object]:
    brand = _BRANDS[number * 7 % len(_BRANDS)]
    product: dict[str, object] = {
        "id": number,
        "title": f"{_GOODS[number % len(_GOODS)]} {number}",
        "category": "taxi",
        "price": round(4.99 + number * 37 % 900 / 10, 2),
        "rating": round(1 + number * 13 % 40 / 10, 2),
        "stock": number * 11 % 100,
    }
    return product if brand is None else {**product, "brand": brand}


def serve(folder: Path, port: int, address: str = "127.0.0.1") -> None:
    """Serve the folder until the process is stopped."""
    uvicorn.run(application(folder), host=address, port=port)


if __name__ == "__main__":
    serve(Path(sys.argv[1]), int(sys.argv[2]), *sys.argv[3:4])
