"""``emoreason train facenet-data real|renders``: see emoreason.training.facenet_data."""

from emoreason.training.facenet_data import add_arguments, run

__all__ = ["add_arguments", "run"]
