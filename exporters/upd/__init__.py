"""UPD, a portable dataset in one DuckDB file: what its writer, its verifier and its reader have in common.

    schema      the tables, what they must hold, how their metadata is named
    naming      what does not fit a column, shortened by a rule
    platform    rows in the words of the platform that UPD comes from, and its records made of them again
    model_form  rows in the words of the record model, for every other source
    rows        which of the two an entry gets
    writer      rows and files into DuckDB, in bounded memory, always the same bytes
    canonical   what a signature is made over
    signing     keys, certificates, signatures
    verifying   the signatures of a file that somebody else may have written

DuckDB and `cryptography` are imported when they are needed, and only then.
"""
