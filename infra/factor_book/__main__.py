"""Prints the derived figures that do not follow from their inputs; the exit code is then 1."""

import sys

from infra.factor_book.book import derived

if __name__ == "__main__":
    checked = list(derived())
    different = [row for row in checked if row.differs]
    for row in different:
        print(f"{row.row}: {row.figure} is {row.stated:g}, and {row.computed:.1f} follows")
    print(f"{len(checked)} derived figures, {len(different)} do not follow from their inputs")
    sys.exit(bool(different))
