"""The inference service: a person photo and garment photos become a picture."""

from importlib.metadata import version

__version__ = version("cabine")
