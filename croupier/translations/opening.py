"""Which translation service is meant, and how it is reached."""

from collections.abc import Callable, Mapping

from croupier.translations.service import Access, TextsFailed, TranslationService


def open_service(
    name: str, environment: Mapping[str, str], project: str | None, api_url: str | None
) -> TranslationService:
    """The service `name`, `lokalise` or `crowdin`. Raises TextsFailed for a missing token, project or package."""
    prefix = name.upper()
    token = environment.get(f"{prefix}_API_TOKEN", "")
    project = project or environment.get(f"{prefix}_PROJECT_ID", "")
    if not token:
        raise TextsFailed(f"set {prefix}_API_TOKEN to a token of the service")
    if not project:
        raise TextsFailed(f"name the project: --project ID, or {prefix}_PROJECT_ID")
    try:
        return _maker(name)(Access(token, project, api_url or environment.get(f"{prefix}_API_URL")))
    except ModuleNotFoundError as missing:
        raise TextsFailed(
            f"the package of {name} is not installed ({missing.name}): pip install 'croupier[texts]'"
        ) from missing


def _maker(name: str) -> Callable[[Access], TranslationService]:
    if name == "lokalise":
        from croupier.translations.lokalise import Lokalise

        return Lokalise
    from croupier.translations.crowdin import Crowdin

    return Crowdin
