"""A decoder of one's own goes where the workspace isn't."""

from __future__ import annotations

import pickle
import shutil

import numpy as np

from calibtui.detector.decoders.custom import CustomReader, load_function

MODULE = """
import numpy as np

def decode(outputs, size):
    return np.full((1, 4), size[0], np.float32), np.ones((1, 2), np.float32)
"""


def test_a_decoder_reads_the_same_where_its_file_is_missing(tmp_path):
    root = tmp_path / "workspace"
    root.mkdir()
    (root / "decoder_that_travels.py").write_text(MODULE)
    name = "decoder_that_travels:decode"
    packed = pickle.dumps(CustomReader(name, load_function(name, root), (320, 320), root))
    there = pickle.loads(packed).decode({})
    shutil.rmtree(root)
    elsewhere = pickle.loads(packed).decode({})
    assert np.array_equal(there.boxes, elsewhere.boxes) and elsewhere.boxes[0, 0] == 320
