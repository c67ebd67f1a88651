#!/usr/bin/env python3
"""Writes golden/files/slope.jpg, 24 x 16: red grows to the right, green downwards, blue is 128. Needs Pillow.

    python3 tests/golden/images.py
"""
import os
import sys

try:
    from PIL import Image
except ImportError:
    sys.exit(0)                                        # The committed file stays.

here = os.path.dirname(os.path.abspath(__file__))
image = Image.new("RGB", (24, 16))
image.putdata([(10 * x, 15 * y, 128) for y in range(16) for x in range(24)])
image.save(os.path.join(here, "files", "slope.jpg"), quality=95, subsampling=0)
