"""`python -m modelyard.cli` is the same as `modelyard`."""

from __future__ import annotations

import sys

from modelyard.cli.main import main

sys.exit(main())
