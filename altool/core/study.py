"""A study packed to be published: many run folders in one zip or folder, with checksums and without pickles.

    SHA256SUMS     of every other file, as `sha256sum -c` reads them
    study.json     which runs there are, and how far each is
    README.txt     what a stranger needs to read the rest
    stages.csv, acquired.csv (or .parquet)     all runs in one table each, for other programs
    runs/<dataset>-<imbalance>/<learner>/<strategy>/<budget>/seed_NNN/     the run folders as they were

Only names of this pattern are taken from a packed study, so nothing in it can lead out of the outputs folder.
"""

import io
import json
import re
import zipfile
from collections.abc import Mapping
from typing import Any

import numpy as np
import yaml

from altool.core.naming import cell_path, fingerprint, seed_name
from altool.core.records import SCHEMA, Identity, parse_purchases, parse_rows
from altool.core.runfolder import STATUSES

FORMAT, VERSION = "altool study", 1
SUMS, ABOUT, README = "SHA256SUMS", "study.json", "README.txt"
TABLES = ("stages.csv", "acquired.csv", "stages.parquet", "acquired.parquet")
NAME = r"\w[\w.+-]*"
RUN_FILES = r"config\.yaml|run\.json|(stages|acquired|epochs|diagnostics)\.csv|carry/stage_\d{3,}\.npz"
EXTRA_FILES = r"run\.log|diagnostics/stage_\d{3,}\.npz"  # large, or about the machine: packed when asked for
IN_RUN = re.compile(rf"runs/(?P<home>({NAME}/){{4}}seed_\d{{3,}})/(?P<file>{RUN_FILES}|{EXTRA_FILES})")


def home_of(run: Mapping[str, Any], config: Mapping[str, Any]) -> str:
    """Where a run belongs below an outputs folder, whatever folder it lies in now.

    Raises ValueError when run.json and config.yaml are not those of a run.
    """
    try:
        cell = cell_path(Identity(**run["identity"]), config["budget"], run["overrides"])
        if fingerprint(config) != run["fingerprint"]:
            raise ValueError("its configuration is not the one that its fingerprint was made of")
        return str(cell / seed_name(run["seed"]))
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"run.json or config.yaml is not one of altool's ({error!r})") from None


def check_run_files(home: str, files: Mapping[str, bytes]) -> None:
    """Raises ValueError, with what is wrong, unless the files are those of the run that belongs at `home`."""
    if missing := {"run.json", "config.yaml"} - files.keys():
        raise ValueError(f"it lacks {', '.join(sorted(missing))}")
    try:
        run, config = json.loads(files["run.json"]), yaml.safe_load(files["config.yaml"])
    except (ValueError, yaml.YAMLError) as error:
        raise ValueError(f"run.json or config.yaml cannot be read ({error})") from None
    if home_of(run, config) != home:
        raise ValueError(f"it says that it belongs at {home_of(run, config)}")
    if run.get("status") not in STATUSES:
        raise ValueError(f"its status is {run.get('status')!r}")
    own = {**run["identity"], "seed": run["seed"]}
    rows = parse_rows(files.get("stages.csv", b"").decode())
    if [row.get("stage") for row in rows] != [str(stage) for stage in range(len(rows))]:
        raise ValueError("stages.csv does not hold its stages in order")
    if any(row.get(key) != str(value) for row in rows for key, value in own.items()):
        raise ValueError("stages.csv is of another run")
    if any(not row.get("schema", "").isdigit() or int(row["schema"]) > SCHEMA for row in rows):
        raise ValueError("stages.csv was written by a newer altool; update yours")
    try:
        parse_purchases(files.get("acquired.csv", b"").decode())
    except (KeyError, ValueError, TypeError) as error:
        raise ValueError(f"acquired.csv cannot be read ({error!r})") from None
    for name in files:
        if name.endswith(".npz"):
            _check_arrays(name, files[name])


def _check_arrays(name: str, content: bytes) -> None:
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
            for key in arrays.files:
                arrays[key]
    except (ValueError, OSError, zipfile.BadZipFile, AttributeError) as error:
        raise ValueError(f"{name} holds something else than plain arrays ({error})") from None
