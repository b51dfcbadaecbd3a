"""`croupier catalog …`: checks and deploys a catalog, and exchanges texts with translators."""

import argparse
import os
import sys
from pathlib import Path

from croupier.catalog import CatalogInvalid, check_folder
from croupier.settings import default_catalog


def add_catalog(parser: argparse.ArgumentParser) -> None:
    """The actions of `croupier catalog`."""
    actions = parser.add_subparsers(required=True, metavar="ACTION")
    check = actions.add_parser("check", help="print problems as file:line: reason; exit 1 if there are any")
    check.add_argument("folder", type=Path, nargs="?", default=default_catalog(), metavar="DIR")
    check.add_argument(
        "--url", help="a gateway: also check against the catalog in force and the currencies that players hold there"
    )
    _add_token(check, "may check")
    check.set_defaults(command=_check)
    _add_deploy(
        actions.add_parser("deploy", help="put the catalog of a folder in force; print version and differences")
    )
    _add_texts(actions.add_parser("texts", help="send English texts to translators, or fetch translations"))


def _add_deploy(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", type=Path, metavar="DIR")
    default = os.environ.get("CROUPIER_URL", "http://127.0.0.1:8080")
    parser.add_argument("--url", default=default, help="the URL of a gateway (%(default)s)")
    _add_token(parser, "may deploy")
    parser.set_defaults(command=_deploy)


def _add_token(parser: argparse.ArgumentParser, what: str) -> None:
    help_text = f"bearer token that {what} (or CROUPIER_TOKEN)"
    parser.add_argument("--token", default=os.environ.get("CROUPIER_TOKEN"), help=help_text)


def _add_texts(parser: argparse.ArgumentParser) -> None:
    epilog = (
        "Needs croupier[texts], and LOKALISE_API_TOKEN or CROWDIN_API_TOKEN in the environment. "
        "English is the source: push sends locales/en.json, pull writes the other languages."
    )
    directions = parser.add_subparsers(required=True, metavar="DIRECTION", dest="direction")
    _add_direction(directions.add_parser("push", epilog=epilog, help="send locales/en.json"))
    _add_direction(directions.add_parser("pull", epilog=epilog, help="write the other languages"))


def _add_direction(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", type=Path, nargs="?", default=default_catalog(), metavar="DIR")
    parser.add_argument("--service", choices=["lokalise", "crowdin"], required=True)
    parser.add_argument(
        "--project", metavar="ID", help="the service's project (or LOKALISE_PROJECT_ID, CROWDIN_PROJECT_ID)"
    )
    parser.add_argument("--api-url", metavar="URL", help="the service's API, if it is not the usual one")
    parser.set_defaults(command=_texts)


def _check(options: argparse.Namespace) -> int:
    try:
        checked = check_folder(options.folder)
    except CatalogInvalid as invalid:
        print(invalid)
        return 1
    for problem in checked.problems:
        print(problem)
    for warning in checked.warnings:
        print(f"{warning} (warning)")
    if checked.problems:
        return 1
    catalog = checked.catalog
    levels = len(catalog.loyalty.levels) if catalog.loyalty else 0
    languages = ", ".join(sorted(checked.texts.languages)) or "none"
    print(
        f"{options.folder}: fine; {len(catalog.games)} games, {len(catalog.campaigns)} campaigns, "
        f"{len(catalog.workflows)} workflows, {levels} levels, texts in: {languages}; version {catalog.version}"
    )
    if options.url is None:
        return 0
    from croupier.deploying.sending import check_at

    return check_at(options.folder, options.url, options.token)


def _deploy(options: argparse.Namespace) -> int:
    from croupier.deploying.sending import deploy_catalog

    return deploy_catalog(options.folder, options.url, options.token)


def _texts(options: argparse.Namespace) -> int:
    from croupier.translations.exchange import pull_texts, push_texts
    from croupier.translations.opening import open_service
    from croupier.translations.service import TextsFailed

    try:
        service = open_service(options.service, os.environ, options.project, options.api_url)
        if options.direction == "push":
            print(f"sent {push_texts(options.folder, service)} English texts to {options.service}")
            return 0
        for language, changed in pull_texts(options.folder, service).items():
            print(f"{language}: {changed} texts changed")
    except TextsFailed as failure:
        print(f"croupier: {failure}", file=sys.stderr)
        return 1
    return 0
