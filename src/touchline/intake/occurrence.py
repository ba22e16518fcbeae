"""In: the keys of a file's lines, chunk by chunk. Out: which line is the n-th of its key. Writes no interactions.

Equal keys may lie far apart and a file may be larger than memory: DuckDB keeps two 64-bit hashes and a number of each
line, on disk where need be, and after the first pass only the lines whose key comes more than once are kept.
"""

from __future__ import annotations

from pathlib import Path

import polars as pl

from touchline.intake.readers import NUMBER
from touchline.intake.scratch import connected
from touchline.kernel.ids import SEPARATOR

NTH = "__nth"
"""Column: how many lines of the same key came before, in this file."""
_FIRST, _SECOND = 0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F


class Occurrences:
    """The repeated keys of one file. First `note` every chunk, then `settle`, then ask chunk by chunk.

    scratch   folder where DuckDB may spill hashes
    """

    def __init__(self, scratch: Path) -> None:
        self._connection = connected(scratch)
        self._connection.execute("CREATE TABLE seen (a UBIGINT, b UBIGINT, n BIGINT)")
        self._repeats = False

    def note(self, key: pl.DataFrame, numbers: pl.Series) -> None:
        """Take the key texts of a chunk and the numbers of its lines."""
        told = _hashes(key).with_columns(numbers.alias("n")).to_arrow()
        self._connection.from_arrow(told).insert_into("seen")

    def settle(self) -> None:
        """Number the lines of repeated keys and forget all others."""
        self._connection.execute("""
            CREATE TABLE repeated AS
            WITH twice AS (SELECT a FROM seen GROUP BY a HAVING count(*) > 1)
            SELECT
                n,
                row_number() OVER (PARTITION BY a, b ORDER BY n) - 1 AS nth,
                count(*) OVER (PARTITION BY a, b) > 1 AS repeats
            FROM seen WHERE a IN (SELECT a FROM twice) ORDER BY n
        """)
        self._connection.execute("DROP TABLE seen")
        self._repeats = bool(self._connection.sql("SELECT count(*) FROM repeated WHERE repeats").fetchall()[0][0])

    def numbered(self, frame: pl.DataFrame) -> pl.DataFrame:
        """The chunk with NTH; NULL where the key comes once only."""
        if not self._repeats or frame.is_empty():
            return frame.with_columns(pl.lit(None, pl.Int64).alias(NTH))
        least, most = frame.select(pl.col(NUMBER).min().alias("least"), pl.col(NUMBER).max().alias("most")).row(0)
        found = self._connection.sql(
            "SELECT n, nth FROM repeated WHERE repeats AND n BETWEEN $least AND $most",
            params={"least": least, "most": most},
        ).to_arrow_table()
        nth = pl.DataFrame(found).rename({"n": NUMBER, "nth": NTH})
        return frame.join(nth, on=NUMBER, how="left", maintain_order="left")

    def close(self) -> None:
        """Give memory and disk back."""
        self._connection.close()


def _hashes(key: pl.DataFrame) -> pl.DataFrame:
    joined = key.select(pl.concat_str(pl.all().fill_null(""), separator=SEPARATOR, ignore_nulls=False)).to_series()
    return pl.DataFrame({"a": joined.hash(_FIRST), "b": joined.hash(_SECOND)})
