"""Whether two engines gave the same answer."""

import decimal
import math
import re

# Sums of floats depend on the order of the rows, which no engine promises.
RELATIVE = 1e-9


def difference(statement, ours, theirs):
    """What is different between two Arrow tables that answer a statement, or None. The statement's last ORDER BY must hold in
    both; the order of rows that are equal by it is free."""
    if ours.num_columns != theirs.num_columns or ours.num_rows != theirs.num_rows:
        return f"{ours.num_rows} rows of {ours.num_columns} columns, and {theirs.num_rows} of {theirs.num_columns}"
    columns = list(zip(map(values, ours.columns), map(values, theirs.columns)))
    for name in ordered_by(statement):
        for row, (found, expected) in enumerate(zip(*columns[theirs.column_names.index(name)])):
            if not same(found, expected):
                return f"row {row} by order of {name}: {found!r}, and {expected!r}"
    # Columns whose values are exact in both say which rows belong together.
    exact = [not any(isinstance(value, (float, decimal.Decimal)) for side in pair for value in side) for pair in columns]
    def key(row):
        return [(value is None, 0 if value is None else value) for value, whole in zip(row, exact) if whole]
    found, expected = (sorted(zip(*(pair[side] for pair in columns)), key=key) for side in (0, 1))
    for row, (one, other) in enumerate(zip(found, expected)):
        if not all(map(same, one, other)):
            return f"row {row} of the sorted answers: {one!r}, and {other!r}"
    return None


def ordered_by(statement):
    """The columns of the ORDER BY that ends a statement."""
    found = re.search(r"order by ([^()]+?)(limit \d+)?\s*$", statement, re.IGNORECASE)
    return [part.split()[0] for part in found[1].split(",")] if found else []


def values(column):
    return column.to_pylist()


def same(found, expected):
    """Equal values; whole numbers and decimals to the last digit. Where only one is a decimal it is right to its own last digit."""
    if found is None or expected is None:
        return found is expected
    if isinstance(found, float) or isinstance(expected, float):
        digits = [-value.as_tuple().exponent for value in (found, expected) if isinstance(value, decimal.Decimal)]
        unit = 10.0 ** -digits[0] if digits else 0.0
        return math.isclose(float(found), float(expected), rel_tol=RELATIVE, abs_tol=unit)
    return found == expected
