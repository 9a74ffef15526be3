"""The figures that docs/performance.md promises, measured on this machine: ``make bench``."""
