"""Readers for the data sets that people have: one function each, registered by name, one record for all.

>>> for item in read("fer2013", "fer2013.csv"):     # Record | Reject, lazily
...     ...
>>> to_dataset("fer2013", "fer2013.csv")            # a streaming datasets.IterableDataset

A further set is one function with ``@source(name, form, licence)`` in one of these modules, and one test.
"""

from emoreason.sources import captions, clips, coded, images, instructions
from emoreason.sources.record import (
    SOURCES,
    Record,
    Reject,
    Source,
    features,
    read,
    source,
    to_dataset,
)

__all__ = ["SOURCES", "Record", "Reject", "Source", "captions", "clips", "coded", "features", "images", "instructions",
           "read", "source", "to_dataset"]
