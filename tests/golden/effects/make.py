"""Make credit.json: partial dependence, individual curves and accumulated local effects of data/credit-model.json by other libraries.

Run with scikit-learn 1.9.1, xgboost 3.4.1, PyALE 1.2.0, pandas and pyarrow: `python make.py`.
scikit-learn's `partial_dependence(method="brute")` averages the model's margins over all rows; PyALE bins by quantiles that are values.
"""

import json
import sys
from pathlib import Path

import numpy as np
from PyALE import ale
from sklearn.inspection import partial_dependence

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "common"))

from credit import credit  # noqa: E402

GRIDS = {
    "duration": [4.0, 8.0, 12.5, 24.0, 36.0, 72.0],
    "amount": [250.0, 1000.0, 3900.5, 8000.0, 18424.0],
    "purpose": ["car (new)", "education", "others"],
}
ROWS = 5


def main():
    model, table, frame, categories = credit()
    found = {"partial_dependence": {}, "individual": {}, "ale": {}}
    for name, grid in GRIDS.items():
        values = np.array(grid, dtype=object if isinstance(grid[0], str) else float)
        result = partial_dependence(model, frame, [name], method="brute", kind="both", custom_values={name: values}, categorical_features=categories)
        found["partial_dependence"][name] = {"values": grid, "means": result["average"][0].tolist()}
        found["individual"][name] = {"rows": table["applicant_id"][:ROWS].tolist(), "curves": result["individual"][0][:ROWS].tolist()}
    for name in ("duration", "amount"):
        curve = ale(frame, model, feature=[name], grid_size=20, include_CI=False, plot=False, feature_type="continuous")
        found["ale"][name] = {"edges": curve.index.tolist(), "effects": curve["eff"].tolist(), "rows": curve["size"].tolist()}
    (HERE / "credit.json").write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
