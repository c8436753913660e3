"""`warren contracts asyncapi`: the AsyncAPI document of an application, and a page of it.

Not here: the document and the page (`warren/asyncapi/`).
"""

from __future__ import annotations

import json
from pathlib import Path

import click

from warren.cli.exits import Exit
from warren.cli.failure import say
from warren.cli.options import application

__all__ = ["asyncapi"]

_FILE = click.Path(dir_okay=False, path_type=Path)


@click.command(short_help="Describe the application as an AsyncAPI 3.0 document.")
@application
@click.option("--output", type=_FILE, metavar="FILE", help="Write the document there (default: to stdout).")
@click.option("--html", type=_FILE, metavar="FILE", help="Write a page there that shows it, complete in one file.")
@click.option("--no-server", is_flag=True, help="Name no broker: the document is then the same wherever it is made.")
def asyncapi(target: str, output: Path | None, html: Path | None, no_server: bool) -> int:
    """Describe MODULE:APP as an AsyncAPI 3.0 document, in JSON: what it sends and receives, where, and how it reads.

    The same application gives the same document, so it can be committed, and compared in CI. What the application
    sends is what it names with `app.publishes(…)`; the broker is named without its login.
    """
    from warren.asyncapi.document import document_of
    from warren.cli.loading import load

    loaded = load(target)
    document = document_of(loaded.app.described(loaded.module.__doc__ or "", with_broker=not no_server))
    text = json.dumps(document, ensure_ascii=False, indent=2, default=str) + "\n"
    if output is not None:
        _write(output, text)
    if html is not None:
        from warren.asyncapi.page import page_of

        _write(html, page_of(json.loads(text)))
    if output is None and html is None:
        click.echo(text, nl=False)
    return Exit.OK


def _write(file: Path, text: str) -> None:
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise click.ClickException(f"cannot write {file}: {error.strerror}") from error
    say(f"{file} written")
