"""Arrays that are filled from files."""

import numpy as np
import pytest

from fastvec._memory import LARGE, allocate


@pytest.mark.parametrize("shape", [(0, 3), (5, 3), (LARGE // 4, 1), (LARGE // 12 + 1, 3)])
@pytest.mark.parametrize("dtype", ["<f4", np.uint8, ">f8"])
def test_an_array_of_any_size_can_be_written_and_read(shape, dtype):
    found = allocate(shape, dtype)
    found[:] = 7
    assert (
        found.shape == shape and found.dtype == dtype and found.flags.writeable and found.flags.c_contiguous
    )
    assert (found == 7).all()


def test_a_large_array_begins_on_a_page_and_is_kept_by_its_views():
    row = allocate((LARGE // 4, 4), np.float32)
    assert row.ctypes.data % 4096 == 0
    row[:] = 3
    row = row[5]
    other = allocate((LARGE // 4, 4), np.float32)
    other[:] = 4
    assert (row == 3).all()


@pytest.mark.parametrize("rows", [1 << 45, 1 << 61, 1 << 70])
def test_what_does_not_fit_is_a_memory_error(rows):
    with pytest.raises(MemoryError):
        allocate((rows, 8), np.float32)
