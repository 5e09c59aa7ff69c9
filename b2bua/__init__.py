# SPDX-License-Identifier: GPL-3.0-or-later
"""metaflow-b2bua: KAZOO metaflows in front of any PBX."""

__version__ = "0.1.0"
