"""Starts the pipeline on Dataflow, with keys from Secret Manager.

python run.py $(cat options.txt)
"""

from __future__ import annotations

from count_rows import main
from secret_keys import keys

from beam_dis import DISConnection

if __name__ == "__main__":
    main(DISConnection(credentials=keys))
