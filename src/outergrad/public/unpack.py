"""Unpacking archives of strangers: nothing lands outside the folder."""

import tarfile
import zipfile
import zlib
from pathlib import Path, PurePosixPath

from outergrad.errors import InputError


def unpack(archive: Path, folder: Path) -> None:
    """Unpack a tar (any compression) or zip file.

    Raises:
        InputError: it is no such archive, is damaged, or has members that would land elsewhere
            (absolute paths, "..", links, devices).
    """
    folder.mkdir(parents=True, exist_ok=True)
    try:
        if zipfile.is_zipfile(archive):
            with zipfile.ZipFile(archive) as zipped:
                for name in zipped.namelist():
                    if name.startswith("/") or ".." in PurePosixPath(name).parts:
                        raise InputError(f"{archive}: the member {name!r} would land elsewhere")
                zipped.extractall(folder)
        else:
            with tarfile.open(archive) as tar:
                tar.extractall(folder, filter="data")
    except tarfile.FilterError as error:
        raise InputError(f"{archive}: {error}") from error
    except (tarfile.TarError, zipfile.BadZipFile, EOFError, zlib.error, OSError) as error:
        raise InputError(f"{archive}: cannot be unpacked: {error}") from error
