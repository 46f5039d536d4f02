"""Body artefacts from models that come inside a pip package: CPU only, no torch."""

from preprocess.providers.embedded.provider import EmbeddedProvider

__all__ = ["EmbeddedProvider"]
