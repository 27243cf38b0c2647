"""Functions and operators that a user's condition may have.

Each returns a value that is about as large as what it is given, or of a fixed size, in a time that
goes with that: memory for texts is not counted by DuckDB's limit, and a function that runs is not
interrupted, so one ``replace`` in another could take all of a machine's.  None tells anything but
what is in its row.  So they are listed here, and what is not listed is refused.
"""

from __future__ import annotations

__all__ = ["FUNCTIONS"]

_OPERATORS = (
    "!~~ !~~* % & * ** + - ->> / // < <= <> = > >= @> <@ ^ ^@ || ~ ~~ ~~* ~~~"
    " ilike_escape like_escape not_ilike_escape not_like_escape"
)
_NUMBERS = (
    "abs add ceil ceiling cbrt divide even exp fdiv floor fmod greatest hash isfinite isinf isnan"
    " least ln log log10 log2 mod multiply nullif pow power random round round_even sign sqrt"
    " subtract trunc"
)
_TEXTS = (
    "array_contains array_has array_has_all array_has_any array_length array_position ascii"
    " char_length character_length concat contains ends_with hamming"
    " if instr jaccard lcase left len length"
    " list_contains list_element list_extract list_has list_has_all list_has_any list_position"
    " list_value lower ltrim md5 mismatches ord position prefix regexp_extract regexp_full_match"
    " regexp_matches reverse right rtrim sha256 split_part starts_with strip_accents strlen strpos"
    " substr substring suffix trim typeof ucase unicode upper array_extract"
)
_TIMES = (
    "age century date_add date_diff date_part date_sub date_trunc datediff datepart datesub"
    " datetrunc day dayname dayofmonth dayofweek dayofyear decade epoch epoch_ms epoch_ns epoch_us"
    " get_current_timestamp hour isodow isoyear last_day make_date make_timestamp microsecond"
    " millisecond minute month monthname now quarter second strftime strptime time_bucket timezone"
    " to_days to_hours to_microseconds to_milliseconds to_minutes to_months to_seconds"
    " to_timestamp to_weeks to_years today try_strptime week weekday weekofyear year yearweek"
)
_JSON = (
    "json_array_length json_contains json_exists json_extract json_extract_path"
    " json_extract_path_text json_extract_string json_type json_valid json_value"
)

FUNCTIONS = frozenset(f"{_OPERATORS} {_NUMBERS} {_TEXTS} {_TIMES} {_JSON}".split())
"""By the names that DuckDB's parser gives them, in small letters."""
