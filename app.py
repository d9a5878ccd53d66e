"""Start the chat app: ``python app.py``, the same as ``emoreason app``."""

from emoreason.cli import main

if __name__ == "__main__":
    main(["app"])
