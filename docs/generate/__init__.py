"""The reference in `docs/reference`, made from the program itself: `make reference`."""
