"""A provider that brings the monthly NYC taxi files into a warehouse and loses no row."""

__version__ = "0.1.0"
