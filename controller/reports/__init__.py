"""What a journal tells: a day and its figures, why somebody was next, reports."""
