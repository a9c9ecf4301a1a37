"""The version. Packaging and the changelog's test read it here."""

__version__ = "0.1.0"
