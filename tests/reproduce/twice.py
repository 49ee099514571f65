"""One of two processes that make the same pictures at once: `python twice.py FOLDER MEETING`.

It writes its pictures, then waits in the folder MEETING until the other has written its own as well.
"""

import sys
import time
import uuid
from pathlib import Path

import numpy as np

from altool.reproduce import smoke_folders


def main(folder: Path, meeting: Path) -> None:
    once = smoke_folders._once

    def together(target: Path, write) -> Path:
        def write_and_wait(begun: Path) -> None:
            write(begun)
            (meeting / uuid.uuid4().hex).touch()
            deadline = time.monotonic() + 60
            while len([*meeting.iterdir()]) < 2 and time.monotonic() < deadline:
                time.sleep(0.01)

        return once(target, write_and_wait)

    smoke_folders._once = together
    labels = np.repeat(np.arange(3), 2)
    images = np.arange(6 * 8 * 8 * 3, dtype=np.uint8).reshape(6, 8, 8, 3)
    print(smoke_folders.write_classes(folder, "caltech101", images, labels))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
