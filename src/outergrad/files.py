"""Files written in one step: whoever reads one sees the old file or the new one, never a part."""

import contextlib
import os
from pathlib import Path


def replace_text(path: Path, text: str) -> None:
    """Write a text file in UTF-8; a process killed meanwhile leaves the file as it was before.

    The draft is a hidden file beside it, so that both are on one file system; one that was left
    behind is overwritten the next time.

    Raises:
        OSError: it cannot be written; no draft is left behind.
    """
    content = text.encode("utf-8")
    draft = path.with_name(f".{path.name}.part")
    try:
        draft.write_bytes(content)
        os.replace(draft, path)
    except OSError:
        with contextlib.suppress(OSError):
            draft.unlink()
        raise
