# SPDX-License-Identifier: GPL-3.0-or-later
"""One file per step, applied in order of `down_revision`; a step that was released never changes."""
