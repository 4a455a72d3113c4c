# SPDX-License-Identifier: GPL-2.0-or-later
"""The tree that is tested."""

import pathlib

TOP = pathlib.Path(__file__).parents[3]
