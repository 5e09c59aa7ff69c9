# SPDX-License-Identifier: GPL-3.0-or-later
"""metaflow-b2bua: KAZOO metaflows in front of any PBX."""

__version__ = "0.1.0"

import os

# Products of hundreds of legs are small: OpenBLAS's own threads would wait for each other, spinning, and cost all else
# its core (300 legs: 25 % of a core, tones heard 150 ms late). It asks once, when numpy is imported.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
