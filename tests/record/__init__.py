"""The day's record, by the rows that its commands lead to."""
