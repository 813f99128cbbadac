"""Types of arrays."""

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
ImageArray = NDArray[np.float32]
ComplexArray = NDArray[np.complex128]
BoolArray = NDArray[np.bool_]
ByteArray = NDArray[np.uint8]
LabelArray = NDArray[np.int32]
IndexArray = NDArray[np.intp]
