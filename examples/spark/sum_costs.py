"""Sum what stored traces cost with Spark: the way beyond one machine.

    pip install '.[replay]' pyspark    # and Java 17
    otel-session-agg replay examples/offline/chats.jsonl --parquet tables
    python examples/spark/sum_costs.py tables

The tables are Parquet, one folder for each day; Trino, BigQuery, ClickHouse and DuckDB read them as
they are, too.  Costs are decimal numbers, so a sum has all digits on any number of machines.
"""

from __future__ import annotations

import sys

from pyspark.sql import SparkSession
from pyspark.sql import functions as f


def main(folder: str) -> None:
    """Print cost and tokens by user and day, and by model."""
    spark = (
        SparkSession.builder.master("local[2]").config("spark.ui.enabled", "false").getOrCreate()
    )
    spark.sparkContext.setLogLevel("ERROR")
    sessions = spark.read.parquet(f"{folder}/sessions")
    rows = sessions.groupBy("user", "day").agg(f.sum("cost"), f.sum("tokens"))
    for user, day, cost, tokens in sorted(rows.collect()):
        print(user, day, f"{cost:f}", tokens)
    calls = spark.read.parquet(f"{folder}/calls").where("counts")
    for model, cost in sorted(calls.groupBy("model").agg(f.sum("cost")).collect()):
        print(model, "unknown" if cost is None else f"{cost:f}")
    spark.stop()


if __name__ == "__main__":
    main(sys.argv[1])
