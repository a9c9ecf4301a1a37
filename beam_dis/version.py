"""The one place the version is written; packaging and the changelog test read it here."""

__version__ = "0.1.0"
